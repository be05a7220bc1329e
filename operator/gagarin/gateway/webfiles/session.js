/**
 * Somebody who is logged in. The token is in this object's memory and nowhere else: no cookie, no storage.
 */
import { Client } from "./vendor/client/client.js";
import { Transport } from "./vendor/client/transport.js";

/**
 * A row of the gateway's list.
 * @typedef {object} Instance
 * @property {string} id
 * @property {string} namespace
 * @property {string} title
 * @property {boolean | null} ready
 * @property {string | null} reason
 * @property {string | null} message
 */

const MOST = 1000; // rows that the gateway gives at once
const GATEWAY = new URL("..", document.baseURI).href.replace(/\/$/, "");

export class Session {
  #token;
  #transport;

  /** @param {string} token */
  constructor(token) {
    this.#token = token.trim();
    this.#transport = new Transport(GATEWAY, this.#token, { attempts: 1, timeout: 30_000 });
  }

  /** Who this is and until when, as far as the token says: only to be shown. */
  get holder() {
    return holder(this.#token);
  }

  /**
   * The Instances of a namespace, by title.
   * @param {string} namespace
   * @returns {Promise<Instance[]>}
   */
  async instances(namespace) {
    const path = `/ns/${encodeURIComponent(namespace)}/instances?limit=${MOST}`;
    const rows = /** @type {Instance[]} */ (await this.#transport.answer({ method: "GET", path }));
    return rows.sort((one, other) => one.title.localeCompare(other.title) || one.id.localeCompare(other.id));
  }

  /**
   * The client of an Instance. `heard` sees each response as it begins.
   * @param {string} namespace
   * @param {string} instance
   * @param {(response: Response) => void} [heard]
   */
  client(namespace, instance, heard = () => {}) {
    const url = `${GATEWAY}/ns/${encodeURIComponent(namespace)}/instances/${encodeURIComponent(instance)}`;
    /** @type {typeof fetch} */
    const listening = async (...given) => {
      const response = await fetch(...given);
      heard(response);
      return response;
    };
    return new Client(url, this.#token, { fetch: listening });
  }
}

/**
 * The subject and the end of a JSON Web Token.
 * @param {string} token
 * @returns {{name: string, until: Date | null}}
 */
function holder(token) {
  try {
    const text = atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (each) => each.charCodeAt(0))));
    const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(claims.sub);
    const name = account ? `${account[2]} (${account[1]})` : claims.email || claims.preferred_username || claims.sub;
    return { name: String(name ?? ""), until: claims.exp ? new Date(claims.exp * 1000) : null };
  } catch {
    return { name: "", until: null }; // not every token can be read
  }
}
