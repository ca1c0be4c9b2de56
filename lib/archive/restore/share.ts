import { HASH_END } from './key-table.ts';
import type { RestorePlan } from './plan.ts';
import type { Mark } from './state.ts';

/** Gives how much of a restore is done at a mark, 0 to 1, by the bytes of the sources before it. Pure. @param mark of the answer: undefined at the end */
export function sharesOf({ segments, snapshot }: Pick<RestorePlan, 'segments' | 'snapshot'>): (mark: Mark | undefined) => number {
  const sizes = [...segments.map(({ ref }) => ref.size), ...snapshot.files.map((file) => file.bytes)];
  const before = new Float64Array(sizes.length + 1);
  sizes.forEach((bytes, source) => {
    before[source + 1] = (before[source] as number) + bytes;
  });
  const all = before[sizes.length] as number;
  return (mark) => {
    if (mark === undefined) return 1;
    const within = all === 0 ? 0 : (before[mark.source] as number) / all;
    return (mark.from + (mark.to - mark.from) * within) / HASH_END;
  };
}
