import { canonicalItem } from '../../../lib/core/canonical.ts';
import { epochOf, POSITION_BYTES, sequenceOf } from '../../../lib/core/formats/position.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import type { MakeOracle } from '../oracle.ts';
import { show } from './held.ts';

/** I2, "holds a change": what a lane has left at a replica is exactly what the source had at that position, a removal where that was one. */
export const fidelity: MakeOracle = (world) => ({
  name: 'fidelity',
  state({ member, key, call, held, written }) {
    const seal = held.item === undefined ? held.tombstone : held.seal;
    if (seal === undefined || seal.kind !== 'lane') return;
    // What others have left there, people included, is not this request's: only what it has put is judged.
    const put = written === undefined ? undefined : metaOf(written).seal;
    if (put?.subarray(0, POSITION_BYTES).equals(seal.position) !== true) return;
    const epoch = epochOf(seal.position);
    const version = world.model.versionAt(epoch, sequenceOf(seal.position));
    // Positions of writes from long ago are no longer remembered, and a person may have brought one back.
    if (version === undefined || call.by === undefined || world.doubt.hasKey(member, key) || world.silent.has(member, key)) return;
    if (version.key !== key) return world.violate('I2', `"${key}" at ${member} has the position of a write of "${version.key}": ${show(seal.position)}`, key);
    const theirs = held.item === undefined ? '' : canonicalItem(held.item);
    const mine = version.image === undefined ? '' : canonicalItem(version.image);
    if (theirs !== mine) world.violate('I2', `"${key}" at ${member} has the position ${show(seal.position)}, and not what was written there`, key);
  },
});
