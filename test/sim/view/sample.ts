import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import type { TraceEvent, TraceHeader, TraceKind } from '../trace.ts';

/**
 * A trace of any length that looks like a run's: what the page is tried with where a run would be too short, and where a
 * test must not depend on the flows. It tells a plausible story; only the simulator's own traces are true.
 */

const MEMBERS = ['a', 'b', 'c'];
const LANES = 4;
const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);
/** Share of receives that fail, so that the message comes again. */
const REDELIVERED = 0.12;
const DEAD = 0.01;
const KILLED = 0.02;

/** A trace with at least `size` events: writes, fan-out, lanes, appliers, faults, a change of role, and a violation at the end. */
export function sampleTrace(seed: number, size: number): { readonly header: TraceHeader; readonly events: readonly TraceEvent[] } {
  const chance = new SeededChance(seed);
  const pick = <T>(from: readonly T[]): T => from[chance.below(from.length)] as T;
  const drafts: Omit<TraceEvent, 'n'>[] = [];
  const put = (t: number, kind: TraceKind, event: Omit<TraceEvent, 'n' | 't' | 'kind'>): void => {
    drafts.push({ t: Math.round(t * 1_000) / 1_000, kind, ...event });
  };
  let [t, messages, invocations, epoch, primary] = [0, 0, 0, 1, 'a'];
  put(0, 'role', { who: 'operator', at: primary, text: 'is primary in epoch 1' });
  put(0, 'phase', { text: 'break' });
  while (drafts.length < size) {
    t += chance.random() * 40;
    if (chance.random() < 0.002) {
      primary = pick(MEMBERS);
      epoch += 1;
      put(t, 'role', { who: 'operator', at: primary, text: `is primary in epoch ${epoch}` });
    }
    if (chance.random() < 0.03) put(t, 'fault', { who: 'partition', at: pick(MEMBERS), text: `a cannot reach b for ${1 + chance.below(9)} s` });
    const keys = [...new Set([pick(KEYS), pick(KEYS)])].sort();
    for (const key of keys) put(t, 'write', { who: 'user', at: primary, keys: [key], text: `${key}=${drafts.length}` });
    const fanout = `${primary}/fanout#${invocations}`;
    invocations += 1;
    put(t + 5, 'batch', { who: fanout, at: primary, keys, text: `${keys.length} records` });
    put(t + 5, 'begin', { who: fanout, at: primary, text: 'begins' });
    for (const target of MEMBERS.filter((m) => m !== primary)) {
      const [link, lane, message] = [`${primary}>${target}`, chance.below(LANES), `m${messages}`];
      messages += 1;
      let at = t + 6 + chance.random() * 10;
      put(at, 'send', { who: fanout, link, lane, message, keys, text: `changes, epoch ${epoch}: ${keys.join(' ')}` });
      for (let again = true, count = 1; again; count += 1) {
        again = chance.random() < REDELIVERED;
        const who = `${primary}/apply>${target}#${invocations}`;
        invocations += 1;
        at += 5 + chance.random() * (count === 1 ? 60 : 3_000);
        put(at, 'receive', { who, link, lane, message, text: count === 1 ? 'received' : `received for the ${count}. time` });
        put(at, 'begin', { who, at: primary, text: 'begins' });
        if (again) put(at + 8, 'call', { who, at: target, text: 'put items: unanswered TimeoutError' });
        else for (const key of keys) put(at + 9, 'state', { who, at: target, keys: [key], text: `${key} applied` });
        const killed = chance.random() < KILLED;
        put(at + 10 + chance.random() * 30, 'end', { who, at: primary, text: killed ? 'killed' : again ? 'throws TimeoutError' : 'answers' });
        if (!again) put(at + 45, chance.random() < DEAD ? 'dead' : 'delete', { who: 'lambda', link, lane, message, text: 'finished' });
      }
    }
    put(t + 20, 'end', { who: fanout, at: primary, text: 'answers' });
  }
  const healAt = t * 0.8;
  put(healAt, 'phase', { text: 'heal' });
  const endMs = drafts.reduce((last, e) => Math.max(last, e.t), 0) + 5;
  const violation = { rule: 'I2', message: '"k3" at b went back from 9 to 7 </script><!-- & "quotes"', key: 'k3', t: endMs };
  put(endMs, 'violation', { keys: ['k3'], text: `${violation.rule}: ${violation.message}` });
  const events = drafts
    .map((event, i) => ({ event, i }))
    .sort((x, y) => x.event.t - y.event.t || x.i - y.i)
    .map(({ event }, n): TraceEvent => ({ n, ...event }));
  const links = MEMBERS.flatMap((s) => MEMBERS.filter((m) => m !== s).map((m) => `${s}>${m}`));
  const header: TraceHeader = {
    syncline: 'trace',
    version: 1,
    seed,
    knobs: { members: 3 },
    members: MEMBERS,
    links,
    lanes: LANES,
    keys: KEYS,
    endMs,
    violation,
  };
  return { header, events };
}
