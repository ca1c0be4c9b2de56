import type { AdoptFacts } from '../lib/adopt/check.ts';
import { showBytes, writesPerS } from '../lib/adopt/estimate.ts';
import { ROUND_TRIP_MS } from '../lib/adopt/pace.ts';
import type { AdoptProof } from '../lib/adopt/proof.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import type { MemberConfig } from '../lib/core/config.ts';
import type { KeySchema } from '../lib/core/key.ts';
import type { Finding, Level } from '../lib/doctor/facts.ts';
import { span } from '../lib/status/span.ts';
import type { Filled, Plan } from './adopt-fill.ts';
import { showKey } from './keys.ts';
import type { Output, Style } from './output.ts';
import { count, printable } from './output.ts';

/** What `adopt` tells a person. */

const LEVEL_STYLE: Record<Level, Style> = { ok: 'green', warn: 'yellow', fail: 'red' };
/** Refused keys that are named; all of them are in "syncline refused list". */
const REFUSED_NAMED_MAX = 5;

/** The checks, one a line; what to do stands below. */
export function findingsText(findings: readonly Finding[], out: Output): string {
  return findings
    .map((f) => {
      const mark = out.style(LEVEL_STYLE[f.level], f.level.padEnd(4));
      return `${mark}  ${out.wrap(printable(f.message))}${f.todo === undefined ? '' : `\n      → ${out.wrap(printable(f.todo))}`}`;
    })
    .join('\n');
}

/** What will be done, before it is. Pure. */
export function planText(set: string, member: Pick<MemberConfig, 'name'>, facts: AdoptFacts, plan: Plan, rate: number | undefined): string {
  const e = plan.estimate;
  const replicas = `${e.links} ${e.links === 1 ? 'replica' : 'replicas'}`;
  const by = {
    measured: 'as measured by the run before',
    limit: 'as --rate says',
    model: `if a round trip between the regions takes ${ROUND_TRIP_MS} ms; it will be measured`,
  }[e.rateBy];
  const lines = [
    `This copies the table ${facts.name} (${member.name}) to ${replicas} of the set "${set}", beside live writes:`,
    ...(plan.init ? [`  first    the set gets its seats: ${member.name} is the primary, which accepts writes`] : []),
    ...(plan.goesOn
      ? [`  goes on  ${plan.goesOn.sent ? 'all keys are sent already' : `after ${count(plan.goesOn.keys)} keys that are sent already`} (--restart begins anew)`]
      : []),
    `  items    about ${count(e.items)}, ${showBytes(e.bytes)}; ${showBytes(e.transferBytes)} go between regions`,
    `  reads    ${count(e.sourceReads)} units at ${member.name}, ${count(e.replicaReads)} at the replicas`,
    `  writes   ${count(e.replicaWrites)} units at the replicas, none at ${facts.name}`,
    `  cost     about $${dollars(e.dollars)} on demand (prices of ${plan.priceRegion}, as of ${plan.priceDate})`,
    `  time     about ${span(e.seconds * 1_000)} at ${count(Math.round(e.keysPerS))} keys/s, ${by}; a replica then takes ${count(writesPerS(e))} write units/s`,
    rate === undefined
      ? '  pace     as fast as the replicas take it without holding up live changes for more than seconds'
      : `  pace     at most ${count(rate)} keys/s`,
    '  stop     Ctrl-C at any time; the same command goes on where it was',
  ];
  return lines.join('\n');
}

const dollars = (value: number): string => (value < 0.005 ? '0.01 or less' : value.toFixed(2));

/** What came out, for a person. */
export function filledText(filled: Filled, schema: KeySchema, out: Output): string {
  if (filled.done === 'before') {
    const head = `The table was adopted before: ${count(filled.job.keys)} keys were copied, and it was done at ${new Date(filled.job.done ?? 0).toISOString()}. --restart copies everything again, which does no harm.`;
    return [head, ...proofText(filled.proof, out)].join('\n\n');
  }
  if (filled.done === 'declined') return 'Nothing was done.';
  const { result } = filled;
  const { job, settled } = result;
  if (result.ended === 'stopped') return `Stopped after ${count(job.keys)} keys. The same command goes on from there.`;
  if (result.ended === 'full') return `A queue stays full: its target takes nothing. ${count(job.keys)} keys are sent; the same command goes on from there.`;
  if (settled?.stuck !== undefined) {
    return `All ${count(job.keys)} keys are sent, but not all have arrived: the link to ${settled.stuck.target} stands still (${printable(settled.stuck.why)}). The same command waits on.`;
  }
  const rate = job.worked > 0 ? `, ${count(Math.round((job.keys * 1_000) / job.worked))} keys/s` : '';
  const head = `${out.style('green', 'Adopted.')} ${count(job.keys)} keys were sent in ${span(job.worked)}${rate}, and all of them have come out of the lanes.`;
  const links = settled?.links ?? [];
  const rows = links.map((l) => [l.target, count(l.refused.length), count(l.deadLetters)]);
  const parts = [head, out.table(['REPLICA', 'REFUSED', 'DEAD LETTERS'], rows, [1, 2]), ...proofText(filled.proof, out)];
  for (const l of links) {
    const named = l.refused.slice(0, REFUSED_NAMED_MAX).map((r) => `  ${printable(showKey(r.key, schema))}: ${printable(r.reason)}`);
    if (named.length > 0) parts.push([`${l.target} refuses ${count(l.refused.length)}${l.refusedMore ? ' or more' : ''} keys:`, ...named].join('\n'));
  }
  if (job.foreign > 0) {
    parts.push(
      `${count(job.foreign)} items have an attribute "_s" of their own, which the replicas do not get:\n${job.foreignKeys.map((k) => `  ${printable(showKey(k, schema))}`).join('\n')}`,
    );
  }
  return parts.join('\n\n');
}

/** What the proof came to, for a person; nothing where there was none. */
function proofText(proof: AdoptProof | undefined, out: Output): readonly string[] {
  if (proof === undefined) return [];
  const rows = [
    ...proof.before.map((target) => [target, '', '', out.style('green', 'before')]),
    ...proof.links.map(({ target, keys, repaired, proven }) => [
      target,
      count(keys),
      count(repaired),
      proven === undefined ? out.style('yellow', 'not yet') : out.style('green', isoSeconds(proven)),
    ]),
  ];
  const whys = proof.links.flatMap(({ target, why }) => (why === undefined ? [] : [`${target} is not proven: ${printable(why)}.`]));
  const ended = proof.ended === undefined ? [] : ['The proof was ended before all was done. The same command goes on with it.'];
  return [out.table(['REPLICA', 'KEYS COMPARED', 'MADE EQUAL', 'PROVEN EQUAL'], rows, [1, 2]), ...whys, ...ended];
}
