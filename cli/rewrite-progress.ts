import { SingleBar } from 'cli-progress';
import type { Screen } from './adopt-progress.ts';

/** Shows how far something is, in steps: a bar in a terminal, else a line now and then. */

/** Between two lines where there is no terminal (ms). */
const LINE_EVERY_MS = 10_000;

export interface ShownSteps {
  /** @param words beside the bar, or the line itself. */
  step(done: number, words: string): void;
  stop(): void;
}

/** @param total steps there are; undefined while nobody knows: then only the words are shown. */
export function showSteps(total: number | undefined, { stream, note, elapsed }: Screen): ShownSteps {
  if (stream.isTTY !== true) {
    let at = elapsed();
    return {
      step: (_, words) => {
        if (elapsed() - at < LINE_EVERY_MS) return;
        at = elapsed();
        note(words);
      },
      stop: () => undefined,
    };
  }
  const bar = new SingleBar({ format: total === undefined ? '{words}' : '{bar} {words}', stream, hideCursor: true, barsize: 24, fps: 5, gracefulExit: false });
  bar.start(Math.max(total ?? 1, 1), 0, { words: '' });
  return { step: (done, words) => bar.update(total === undefined ? 0 : done, { words }), stop: () => bar.stop() };
}
