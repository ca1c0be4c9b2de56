import type { Item } from '../../../lib/core/attribute.ts';
import type { Position } from '../../../lib/core/formats/position.ts';
import { comparePositions, epochOf, sequenceOf, showPosition } from '../../../lib/core/formats/position.ts';
import { metaOf, verifySeal } from '../../../lib/core/formats/seal.ts';
import { keyText } from '../../../lib/core/key.ts';
import type { World } from './world.ts';
import { KEY } from './world.ts';

/**
 * Watches every intermediate state of one replica, right after each request took effect: I2 (never an older change of a
 * key after a newer one, repair excepted) and I3 (a deleted key does not come back unless it was written again).
 */
export class Watch {
  /** The newest change that each key has held, or been deleted by. */
  readonly #high = new Map<string, Position>();
  readonly violations: string[] = [];
  states = 0;

  constructor(world: World, member = world.secondary) {
    const region = world.cloud.region(member);
    const { tableId } = region.tableNamed(world.items(member));
    const before = world.cloud.witness;
    world.cloud.witness = (call, answer) => {
      before?.(call, answer);
      if (call.region !== member || !call.resources.includes(world.items(member)) || !['put', 'delete', 'batchWrite'].includes(call.op)) return;
      this.states += 1;
      const present = new Map(region.items(world.items(member)).map((i) => [keyText(i, KEY), i]));
      for (const [text, held] of present) this.#look(text, held, tableId);
      for (const grave of region.items(world.tombstones(member))) {
        const text = keyText(grave, KEY);
        const seal = verifySeal(metaOf(grave).seal, tableId, text);
        if (seal !== undefined && !present.has(text)) this.#raise(text, seal.position);
      }
    };
  }

  #look(text: string, held: Item, tableId: string): void {
    const seal = verifySeal(metaOf(held).seal, tableId, text);
    // A hand-made value has no position: it is drift, and what was there before it is not remembered at this member.
    if (seal === undefined) this.#high.delete(text);
    if (seal === undefined || seal.kind === 'repair') return;
    const high = this.#high.get(text);
    if (high !== undefined && comparePositions(seal.position, high) < 0) {
      this.violations.push(`${text} went back from ${showPosition(high)} to ${epochOf(seal.position)}/${sequenceOf(seal.position)}`);
    }
    this.#raise(text, seal.position);
  }

  #raise(text: string, position: Position): void {
    const high = this.#high.get(text);
    if (high === undefined || comparePositions(position, high) > 0) this.#high.set(text, position);
  }
}
