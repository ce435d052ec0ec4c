/** The commands of the server: name to request and response. */
export interface Commands {
  me: { request: null; response: unknown };
}
