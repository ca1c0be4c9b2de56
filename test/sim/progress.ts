import { createLogUpdate } from 'log-update';

/** Shows how far a long command is: one line that changes on a terminal, a line now and then elsewhere. */

/** Time between two pictures on a terminal, and between two lines elsewhere (ms). */
const PICTURE_MS = 100;
const LINE_MS = 10_000;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** Where it goes; standard error, as a rule, so that standard output stays data. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface Progress {
  /** Shows what is being done; asked for at each picture. */
  show(text: () => string): void;
  /** A line that stays. */
  note(text: string): void;
  /** Takes the changing line away. */
  clear(): void;
}

export function showProgress(output: ProgressOutput, now: () => number = () => performance.now()): Progress {
  const update = output.isTTY === true ? createLogUpdate(output as unknown as NodeJS.WriteStream) : undefined;
  let last = update === undefined ? now() : Number.NEGATIVE_INFINITY;
  let frame = 0;
  const clear = (): void => {
    update?.clear();
    update?.done();
    last = update === undefined ? now() : Number.NEGATIVE_INFINITY;
  };
  return {
    show(text) {
      if (now() - last < (update === undefined ? LINE_MS : PICTURE_MS)) return;
      last = now();
      frame += 1;
      if (update !== undefined) update(`${SPINNER[frame % SPINNER.length]} ${text()}`);
      else output.write(`${text()}\n`);
    },
    note(text) {
      clear();
      output.write(`${text}\n`);
    },
    clear,
  };
}
