import { stripVTControlCharacters } from 'node:util';
import type { Output } from '../output.ts';

/** Where a live view is drawn again and again. */
export interface Screen {
  show(text: string): void;
  /** Leaves the last picture where it is. */
  done(): void;
}

/** The terminal, redrawn in place. The drawing code is loaded here, since only a live view needs it. */
export async function liveScreen(out: Output): Promise<Screen> {
  const { createLogUpdate } = await import('log-update');
  const log = createLogUpdate(out.stdout as NodeJS.WriteStream);
  return { show: (text) => log(cut(text, out.columns, out.rows)), done: () => log.done() };
}

/** Cuts a picture to the terminal's height, so that the top stays in sight. Lines that the terminal wraps count as many. Pure. */
export function cut(text: string, columns: number | undefined, rows: number | undefined): string {
  if (columns === undefined || rows === undefined) return text;
  const lines = text.split('\n');
  const height = (line: string): number => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
  // One line stays free for the cursor, one for the word that something is cut.
  const room = Math.max(1, rows - 2);
  let used = 0;
  for (const [i, line] of lines.entries()) {
    used += height(line);
    if (used > room) return `${lines.slice(0, Math.max(1, i)).join('\n')}\n… ${lines.length - Math.max(1, i)} more lines: a higher terminal shows them`;
  }
  return text;
}
