import type { CloudCall } from '../../../lib/adapters/memory/call.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { FENCE_AGE_MAX_MS, REQUEST_EFFECT_MAX_MS } from '../../../lib/core/constants.ts';
import { SEAT_KEY } from '../../../lib/core/formats/rows.ts';
import type { BatchGet, TableWrite } from '../../../lib/ports/table.ts';
import type { MakeOracle } from '../oracle.ts';
import { nameOfKey } from '../set.ts';

/** What A2 lets a host's clock be wrong in W, and a little more (virtual ms). */
const RATE = 0.01;
const SLACK_MS = FENCE_AGE_MAX_MS * RATE;
/** Requests that write at a target. */
const WRITES: ReadonlySet<string> = new Set(['put', 'delete', 'batchWrite']);

/**
 * Rule 12: apply issues no write under a fence whose read was issued longer than W ago, and none so late that it may
 * still take effect when its time is over. Rule 13: a write without an answer is over before its key is written again.
 */
export const deadlines: MakeOracle = (world) => {
  /** When the newest read of the target's seat was issued that had an effect: by request, and, once answered, by process. */
  const read = new Map<number, number>();
  const seen = new Map<string, number>();
  /** When each write left its process, and until when the unanswered ones may take effect: by process, member and key. */
  const sentAt = new Map<number, number>();
  const held = new Map<string, number>();
  const seat = JSON.stringify(SEAT_KEY);
  return {
    name: 'deadlines',
    began(process) {
      seen.delete(process.name);
    },
    effect(call) {
      if (call.by === undefined || call.service !== 'dynamodb') return;
      const control = world.set.controlName(call.region);
      const reads =
        call.op === 'get'
          ? call.args[0] === control
          : call.op === 'batchGet' && (call.args[0] as BatchGet).tables.some((t) => t.table === control && t.keys.some((k) => JSON.stringify(k) === seat));
      if (reads) read.set(call.number, call.atMs);
    },
    answered(process, call) {
      if (world.unanswered.delete(call.number) && sentAt.has(call.number)) {
        const until = (sentAt.get(call.number) ?? world.clock.elapsed()) + REQUEST_EFFECT_MAX_MS * (1 - RATE);
        for (const id of keysOf(call)) held.set(`${process.name} ${id}`, until);
      }
      sentAt.delete(call.number);
      const issued = read.get(call.number);
      if (issued === undefined) return;
      read.delete(call.number);
      seen.set(process.name, Math.max(issued, seen.get(process.name) ?? 0));
    },
    sent(process, call) {
      if (!process.fn.startsWith('apply>') || !WRITES.has(call.op) || call.region === process.member) return;
      const [first] = call.args;
      const table = call.op === 'batchWrite' ? (first as readonly TableWrite[])[0]?.table : first;
      if (table === world.set.controlName(call.region)) return;
      sentAt.set(call.number, world.clock.elapsed());
      for (const id of keysOf(call)) {
        if ((held.get(`${process.name} ${id}`) ?? 0) > world.clock.elapsed())
          world.violate('rule 13', `${process.name} writes ${id} again while an unanswered write of it may still take effect`, id.slice(id.indexOf(' ') + 1));
      }
      const age = world.clock.now() - (seen.get(process.name) ?? 0);
      if (age > FENCE_AGE_MAX_MS + SLACK_MS)
        world.violate('rule 12', `${process.name} issued a ${call.op} at ${call.region} ${age} ms after it had asked for the fence`);
    },
    timedOut(process) {
      if (!process.fn.startsWith('apply>')) return;
      for (const call of process.pending) {
        if (WRITES.has(call.op) && call.region !== process.member)
          world.violate('rule 12', `${process.name} ran out of time with a ${call.op} at ${call.region} under way`);
      }
    },
  };
};

/** Table and key of each write of a request. */
function keysOf(call: CloudCall): readonly string[] {
  if (call.op !== 'batchWrite') return [`${String(call.args[0])} ${nameOfKey(call.args[1] as Item)}`];
  return (call.args[0] as readonly TableWrite[]).map((w) => `${w.table} ${nameOfKey(w.put ?? w.delete)}`);
}
