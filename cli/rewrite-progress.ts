import { SingleBar } from 'cli-progress';
import type { Screen } from './adopt-progress.ts';

/** Shows how far something is, in steps: a bar in a terminal, else a line now and then. */

/** Between two lines where there is no terminal (ms). */
const LINE_EVERY_MS = 10_000;

export interface ShownSteps {
  /** @param words beside the bar, or the line itself. @param total steps of the part that is under way now, where each part has its own number of them */
  step(done: number, words: string, total?: number): void;
  stop(): void;
}

/** Characters of a bar. */
const BAR = 24;

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
  // The bar is drawn by hand, since a part of unknown length has none.
  const bar = new SingleBar({ format: '{part}{words}', stream, hideCursor: true, fps: 5, gracefulExit: false });
  bar.start(1, 0, { part: partOf(0, total), words: '' });
  return { step: (done, words, of = total) => bar.update(0, { part: partOf(done, of), words }), stop: () => bar.stop() };
}

/** "████░░░░ "; nothing while the number of steps is unknown. Pure. */
export function partOf(done: number, total: number | undefined): string {
  if (total === undefined) return '';
  const full = total <= 0 ? 0 : Math.round(Math.min(1, Math.max(0, done / total)) * BAR);
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} `;
}
