import type { Mutant } from './mutant.ts';
import { ARCHIVE } from './planted/archive.ts';
import { FANOUT } from './planted/fanout.ts';
import { FENCE } from './planted/fence.ts';
import { GUARD } from './planted/guard.ts';
import { LANE } from './planted/lane.ts';
import { LOG } from './planted/observe.ts';
import { RECONCILE } from './planted/reconcile.ts';
import { REPAIR } from './planted/repair.ts';
import { WRITE } from './planted/write.ts';

/** All mutants, by where they are planted. */
export const MUTANTS: readonly Mutant[] = [...FANOUT, ...LANE, ...GUARD, ...WRITE, ...FENCE, ...REPAIR, ...LOG, ...ARCHIVE, ...RECONCILE];

/** The mutant of that name. @throws Error when there is none. */
export function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((m) => m.name === name);
  if (found === undefined) throw new Error(`There is no mutant "${name}"; --list says which there are.`);
  return found;
}
