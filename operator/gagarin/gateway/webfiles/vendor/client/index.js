export { Client, serviceUrl } from "./client.js";
export { GagarinError, Interrupted, NotGagarin, ProblemError, SettingsError, TimedOut } from "./errors.js";
