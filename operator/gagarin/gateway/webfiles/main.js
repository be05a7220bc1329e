/**
 * The page: who is logged in, where they are, and what is shown of that.
 */
import { Chat } from "./chat.js";
import { Conversations } from "./conversations.js";
import { find, show } from "./elements.js";
import { Instances, state } from "./instances.js";
import { go, handedToken, here, link, rename } from "./place.js";
import { Session } from "./session.js";

/** @typedef {import("./session.js").Instance} Instance */

/** @type {Session | null} */
let session = null;
/** The place that is shown. @type {import("./place.js").Place} */
let shown = { namespace: "" };

const tokenField = /** @type {HTMLInputElement} */ (find("token"));
const namespaceField = /** @type {HTMLInputElement} */ (find("namespace"));
const loggedOut = () => leave("The cluster does not take the token: it is wrong, or has expired.");

const instances = new Instances({ changed: describe, loggedOut });
const conversations = new Conversations((conversation) => {
  if (conversation === chat.conversation) go({ namespace: shown.namespace, instance: shown.instance });
});
const chat = new Chat({
  began: (conversation) => {
    shown = { ...shown, conversation };
    rename(shown);
    conversations.mark(conversation);
  },
  ended: () => session && shown.instance && conversations.refresh(),
  loggedOut,
});

/** @param {string} token */
async function enter(token) {
  session = new Session(token);
  shown = { namespace: "" };
  tokenField.value = "";
  show(find("token-error"), null);
  view(true);
  await follow();
}

/** @param {string} [reason] */
function leave(reason) {
  session = null;
  instances.close();
  chat.close();
  view(false);
  show(find("token-error"), reason ?? null);
  tokenField.focus();
}

/** @param {boolean} isIn */
function view(isIn) {
  const { name, until } = session?.holder ?? { name: "", until: null };
  find("login").hidden = isIn;
  for (const id of ["work", "place", "leave", "skip"]) find(id).hidden = !isIn;
  show(find("who"), name || null);
  find("who").title = until ? `The token is valid until ${until.toLocaleString()}` : "";
}

/** Show where the address says that one is. */
async function follow() {
  const token = handedToken();
  if (token !== null) return enter(token);
  if (!session) return;
  const [before, now] = [shown, here()];
  shown = now;
  document.body.dataset.view = now.instance ? "chat" : "list";
  find("back").setAttribute("href", link({ namespace: now.namespace }));
  if (now.namespace !== before.namespace) {
    namespaceField.value = now.namespace;
    await instances.open(session, now.namespace);
  }
  if (session && shown === now) await arrive(before);
}

/** @param {import("./place.js").Place} before */
async function arrive(before) {
  const now = shown;
  const isOther = now.instance !== before.instance || now.namespace !== before.namespace;
  if (isOther) toggle(false);
  instances.select(now.instance);
  for (const id of ["toggle", "new", "conversations"]) find(id).hidden = !now.instance;
  if (!now.instance) {
    chat.close();
    find("instances-heading").focus();
    return;
  }
  find("new").setAttribute("href", link({ namespace: now.namespace, instance: now.instance }));
  const opened = chat.open(session, now, find("chat-heading").textContent ?? now.instance);
  find("message").focus();
  conversations.mark(now.conversation);
  if (isOther) await conversations.open(session.client(now.namespace, now.instance), now);
  await opened;
}

/** What is known of the Instance that one talks to. @param {Instance | undefined} row */
function describe(row) {
  const name = row?.title ?? shown.instance ?? "Choose an Instance";
  find("chat-heading").textContent = name;
  document.title = shown.instance ? `${name} · Gagarin` : "Gagarin";
  find("chat-state").replaceChildren(...(row ? [state(row), ` ${row.namespace}/${row.id}`] : []));
  if (shown.instance) chat.call(name);
}

/** Where there is no room for them beside the chat. @param {boolean} isOpen */
function toggle(isOpen) {
  find("toggle").setAttribute("aria-expanded", String(isOpen));
  document.body.classList.toggle("with-conversations", isOpen);
}

find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(tokenField.value);
});
find("place").addEventListener("submit", (event) => {
  event.preventDefault();
  go({ namespace: namespaceField.value });
});
find("leave").addEventListener("click", () => leave());
find("skip").addEventListener("click", () => find(shown.instance ? "message" : "chat").focus());
find("toggle").addEventListener("click", () => {
  const isOpen = find("toggle").getAttribute("aria-expanded") !== "true";
  toggle(isOpen);
  if (isOpen) find("conversations-heading").focus();
});
find("close").addEventListener("click", () => {
  toggle(false);
  find("toggle").focus();
});
find("new").addEventListener("click", () => {
  toggle(false);
  find("message").focus();
});
find("conversations-list").addEventListener("click", (event) => event.target.closest("a") && toggle(false));
addEventListener("hashchange", follow);

view(false);
follow();
