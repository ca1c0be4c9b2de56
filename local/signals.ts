import { killOwned } from './cloud.ts';

/**
 * How a command of the local cloud ends when it is told to. The first signal asks: the work at hand is aborted, and what
 * was started is stopped in order. The second one does not ask. Nothing keeps running in any case.
 */

/** Exit code of a program ended by a signal: 128 + its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type EndSignal = keyof typeof EXIT_CODES;

/**
 * One Ctrl-C arrives several times: from the terminal, and again from npm and from tools/run.mjs, which pass it on. What
 * comes within this time of the first signal is the same one (ms).
 */
const SAME_SIGNAL_MS = 500;

/** What a command knows about its end. */
export interface Ending {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** The exit code that the signal asks for, or undefined while there was none. */
  code(): number | undefined;
}

/** Listens for the signals that end a program, and for errors that nobody caught. */
export function listenForEnd(): Ending {
  const controller = new AbortController();
  let received: EndSignal | undefined;
  let receivedAt = 0;
  for (const name of Object.keys(EXIT_CODES) as EndSignal[]) {
    process.on(name, () => {
      if (received !== undefined) {
        if (performance.now() - receivedAt < SAME_SIGNAL_MS) return;
        killOwned();
        process.exit(EXIT_CODES[name]);
      }
      received = name;
      receivedAt = performance.now();
      controller.abort(new InterruptedError(name));
    });
  }
  // Default handling of these ends the process with the `exit` event, at which the clouds' processes are killed.
  return { signal: controller.signal, code: () => (received === undefined ? undefined : EXIT_CODES[received]) };
}

/** The work at hand was interrupted by a signal. */
export class InterruptedError extends Error {
  constructor(signal: string) {
    super(`Interrupted (${signal}).`);
    this.name = 'InterruptedError';
  }
}

/** What to tell about an error. After a signal it is the signal, whatever it was that gave up because of it. */
export function endText(ending: Ending, error: unknown): string {
  if (ending.signal.aborted) return `${(ending.signal.reason as Error).message} Nothing keeps running.`;
  return error instanceof Error ? error.message : String(error);
}
