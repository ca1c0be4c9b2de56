/** What the client needs of its host: Node's and browsers' own, unless a test gives others. */
export interface ClientRuntime {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Elapsed time (ms): only differences mean anything. */
  readonly now: () => number;
  /** Resolves after a time (ms), or rejects when the signal ends it. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A text that no other call has. */
  readonly id: () => string;
}

/** The host's own. */
export const hostRuntime: ClientRuntime = {
  fetch: (url, init) => fetch(url, init),
  now: () => performance.now(),
  sleep,
  random: () => Math.random(),
  id: () => crypto.randomUUID(),
};

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', ended);
      resolve();
    }, ms);
    signal.addEventListener('abort', ended, { once: true });
  });
}
