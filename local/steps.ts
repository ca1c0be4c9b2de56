/** Shows the long steps of a command as they go: a line each, with the time it took. Goes to standard error, so that standard output stays data. */

/** Where the lines go. */
export interface StepOutput {
  readonly isTTY: boolean;
  write(text: string): void;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
/** Time between two pictures of a step at work (ms). */
const FRAME_MS = 100;
/** Width of the columns of title and time (characters). */
const TITLE_WIDTH = 32;
const TIME_WIDTH = 9;
const CLEAR_LINE = '\r\x1b[2K';
const DIM = '\x1b[2m';
const GREEN = '\x1b[32m';
const RED = '\x1b[31m';
const RESET = '\x1b[0m';

/** Steps that run, several at once if need be. */
export interface Steps {
  /** Begins a step; the function it gives ends it, with a word on what was done. */
  begin(title: string): (detail?: string) => void;
  /** Shows a step that somebody else has timed (ms). */
  note(title: string, ms: number, detail?: string): void;
  /** Says that the steps at work have failed, and shows nothing more. */
  fail(): void;
}

/** `1.2 s`, or `350 ms`, or `2 min 5 s`. Pure. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Shows steps on `output`: with a moving picture on a terminal, else one line at the end of each. */
export function showSteps(output: StepOutput): Steps {
  const running = new Map<symbol, { title: string; since: number }>();
  let timer: NodeJS.Timeout | undefined;
  let frame = 0;
  const color = (code: string, text: string): string => (output.isTTY ? `${code}${text}${RESET}` : text);
  const draw = (): void => {
    if (!output.isTTY || running.size === 0) return;
    const titles = [...running.values()].map((s) => `${s.title} ${color(DIM, duration(performance.now() - s.since))}`);
    output.write(`${CLEAR_LINE}${color(GREEN, SPINNER[frame++ % SPINNER.length] ?? '')} ${titles.join(' · ')}`);
  };
  const stopDrawing = (): void => {
    clearInterval(timer);
    timer = undefined;
    if (output.isTTY) output.write(CLEAR_LINE);
  };
  const line = (mark: string, title: string, ms: number, detail = ''): void => {
    if (output.isTTY) output.write(CLEAR_LINE);
    output.write(`${mark} ${title.padEnd(TITLE_WIDTH)} ${duration(ms).padStart(TIME_WIDTH)}${detail === '' ? '' : `  ${color(DIM, detail)}`}\n`);
  };
  return {
    begin(title) {
      const id = Symbol();
      running.set(id, { title, since: performance.now() });
      timer ??= setInterval(draw, FRAME_MS).unref();
      draw();
      return (detail) => {
        const step = running.get(id);
        if (step === undefined) return;
        running.delete(id);
        line(color(GREEN, '✓'), step.title, performance.now() - step.since, detail);
        if (running.size === 0) stopDrawing();
        else draw();
      };
    },
    note: (title, ms, detail) => line(color(GREEN, '✓'), title, ms, detail),
    fail() {
      for (const step of running.values()) line(color(RED, '✗'), step.title, performance.now() - step.since);
      running.clear();
      stopDrawing();
    },
  };
}
