import { InputError } from '../../../lib/core/errors.ts';
import { isRemote } from '../../../lib/ports/errors.ts';
import { FanoutIncompleteError } from '../../../lib/replicate/fanout.ts';
import { NotInitialisedError } from '../../../lib/replicate/self.ts';
import type { MakeOracle } from '../oracle.ts';

/** Requests whose late effect at a target would undo what others wrote meanwhile. */
const HARMFUL: ReadonlySet<string> = new Set(['put', 'delete', 'batchWrite']);

/** Codes with which a snapshot says that it cannot go on. */
const SNAPSHOT_ENDS: ReadonlySet<string> = new Set(['job-taken', 'job-lost', 'foreign-table']);

/**
 * Rule 13: no request outlives its handler: none that its caller still waits for, and no write of apply that may still
 * take effect. And what a function throws is what it says that it throws, never a broken invariant or a plain bug.
 */
export const returns: MakeOracle = (world) => ({
  name: 'returns',
  returned(process, error) {
    if (process.inFlight > 0) world.violate('rule 13', `${process.name} returned with ${process.inFlight} requests in flight`);
    if (process.fn.startsWith('apply')) {
      for (const call of process.pending) {
        if (HARMFUL.has(call.op) && call.region !== process.member)
          world.violate('rule 13', `${process.name} returned while its ${call.op} at ${call.region} may still take effect`);
      }
      if (error !== undefined) world.violate('rule 18', `${process.name} threw ${text(error)}`);
    } else if (process.fn === 'snapshot' && error instanceof InputError && SNAPSHOT_ENDS.has(error.code)) {
      // Another run has the savepoint, or the table is not the one that it began with.
    } else if (error !== undefined && !isRemote(error) && !(error instanceof FanoutIncompleteError) && !(error instanceof NotInitialisedError)) {
      world.violate('errors', `${process.name} threw ${text(error)}`);
    }
  },
});

const text = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
