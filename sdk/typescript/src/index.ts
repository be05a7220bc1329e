/** A client of Gagarin's Instances: see docs/typescript-sdk.md. */
export type {
  Answer,
  Conversation,
  ConversationPage,
  ConversationSummary,
  DayUsage,
  Done,
  Event,
  Message,
  Source,
  TokenEvent,
  ToolEvent,
  ToolUse,
  Usage,
  UsageEvent,
} from "./answers.js";
export { Client, serviceUrl } from "./client.js";
export type { ClientOptions, Token } from "./transport.js";
export type { Asking } from "./client.js";
export { GagarinError, Interrupted, NotGagarin, ProblemError, SettingsError, TimedOut } from "./errors.js";
export type { FieldError } from "./errors.js";
