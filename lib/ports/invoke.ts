/** Synchronous invocation of a function of another member, by its name. Payloads are JSON text. */
export interface InvokePort {
  /** @throws RemoteError: "unanswered" when it may have run; "denied" or "missing" when it cannot be called. */
  invoke(functionName: string, payload: string): Promise<string>;
}
