/**
 * What an Instance answers. Names are those of the wire; members that a newer server adds may be there too.
 */

/** Tokens, as the provider counted them, over all calls of models for one answer. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** A tool call that was made for an answer. */
export interface ToolUse {
  name: string;
  outcome: "ok" | "error";
}

/** A passage that the model was given. */
export interface Source {
  name: string;
  title: string;
  location: string;
}

interface Ending {
  /** Goes on with it; null: the Instance keeps none. */
  conversation: string | null;
  tools?: ToolUse[];
  sources?: Source[];
  /** Why the answer ends, if it is not complete: `length`, `content_filter`, `refusal`. */
  finish?: string;
  /** A decimal; not there where no prices are known. */
  cost?: string;
}

/** A whole answer. */
export interface Answer extends Ending {
  answer: string;
  usage: Usage | null;
}

/** The next piece of the text; how it is cut says nothing. */
export interface TokenEvent {
  type: "token";
  text: string;
}

/** A tool call begins (`running`), or ended after `seconds`. `id` is the same in both. */
export interface ToolEvent {
  type: "tool";
  id: string;
  name: string;
  arguments: unknown;
  outcome: "running" | "ok" | "error";
  seconds?: number;
}

export interface UsageEvent extends Usage {
  type: "usage";
}

/** The last event: the answer is whole. */
export interface Done extends Ending {
  type: "done";
}

export type Event = TokenEvent | ToolEvent | UsageEvent | Done;

/** A line of the list. Times are RFC 3339. */
export interface ConversationSummary {
  id: string;
  created_at: string;
  updated_at: string;
  turns: number;
}

/** Newest first; `before` asks for the next page. */
export interface ConversationPage {
  conversations: ConversationSummary[];
  before: string | null;
}

export interface Message {
  turn: number;
  role: "user" | "assistant";
  content: string;
  created_at: string;
  usage?: Usage;
  model?: string;
  tools?: ToolUse[];
  sources?: Source[];
  finish?: string;
}

/** A conversation, or its newest part; `before` is the turn to ask for the part before it. */
export interface Conversation {
  id: string;
  created_at: string;
  updated_at: string;
  messages: Message[];
  before: number | null;
}

/** What the caller used of one model on one UTC day; `cost` is a decimal. */
export interface DayUsage {
  day: string;
  model: string;
  chats: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost?: string;
}
