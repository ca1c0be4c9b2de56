import { REPORTS_PREFIX } from '../../../lib/core/formats/archive-names.ts';
import type { LaneReport } from '../../../lib/core/formats/report.ts';
import { decodeReport } from '../../../lib/core/formats/report.ts';
import type { Finding } from '../../../lib/reconcile/check/report.ts';
import { findingSchema } from '../../../lib/reconcile/check/report.ts';
import type { MakeOracle } from '../oracle.ts';
import { keyOfName, nameOfKey } from '../set.ts';
import type { World } from '../world.ts';
import { storedBy } from './bases.ts';
import { contentsOf, hashText } from './contents.ts';
import { refusedAnywhere } from './converge.ts';

/** How far the clocks of two hosts of a region may differ, and a request may take (ms): a verdict's time is right within this. */
const TIME_SLACK_MS = 12_000;

/**
 * I7, "no false alarm": what apply answers to a question is what both tables held while it was asked; and a key is called divergent only where
 * source and target differed indeed at that time, and for a cause: somebody wrote there by hand, the storage lost or changed it, the link
 * is known to be incomplete. Lag is no cause. "No miss": what nobody else can know of is named by a check within its time.
 */
export const verdicts: MakeOracle = (world) => {
  const contents = contentsOf(world);
  /** Why each key of a link may differ for good: filled when it happens, so that what is mended later still has its cause. */
  const told = new Set<string>();

  /** Keys of targets that a check has named. */
  const reported = new Set<string>();
  /** Keys that differed when all was at rest, and that nobody but the checker can know of. */
  const planted = new Map<string, string>();
  let restedAt = 0;

  function answered(member: string, report: LaneReport, by: string): void {
    const given = (world.messages.given_.get(by) ?? []).map((m) => m.id);
    const asked = given.map((id) => world.messages.known(id)).filter((m) => m?.content?.kind === 'resync' && m.content.job === report.job);
    const since = Math.max(0, ...asked.map((m) => m?.givenAt ?? 0));
    for (const one of report.keys) {
      const key = nameOfKey(one.k);
      const now = world.clock.elapsed();
      for (const [where, hash] of [
        [member, one.s],
        [report.target, one.t],
      ] as const)
        if (!contents.between(where, key, since, now).has(hash))
          world.violate('I7', `${by} answers that "${key}" at ${where} was ${hash ?? 'not there'}, and it never was while it looked`, key);
    }
  }

  function found(member: string, finding: Finding, by: string): void {
    reported.add(`${finding.target} ${nameOfKey(finding.key)}`);
    if (finding.verdict !== 'divergent') return;
    const key = nameOfKey(finding.key);
    const { target, sourceHash, targetHash, at = 0 } = finding;
    if (told.has(`${member}>${target} ${key} ${at}`)) return;
    told.add(`${member}>${target} ${key} ${at}`);
    const t = at - (world.nowAt(member) - world.clock.elapsed());
    const saw = (where: string, hash: string | undefined): boolean => contents.between(where, key, t - TIME_SLACK_MS, t + TIME_SLACK_MS).has(hash);
    if (!saw(member, sourceHash) || !saw(target, targetHash)) {
      world.violate('I7', `${by} calls "${key}" at ${target} divergent by values that the tables did not have at the time`, key);
      return;
    }
    if (sourceHash === targetHash && sourceHash !== undefined && !world.silent.has(target, key)) {
      world.violate('I7', `${by} calls "${key}" at ${target} divergent, and it was equal`, key);
      return;
    }
    if (causeOf(world, member, target, key) === undefined)
      world.violate('I7', `${by} calls "${key}" at ${target} divergent, and nothing was wrong there but lag`, key);
  }

  return {
    name: 'verdicts',
    effect(call, answer) {
      const stored = world.checked ? storedBy(world, call, answer) : undefined;
      if (stored === undefined) return;
      const { name, bytes } = stored;
      const by = call.by?.name ?? '?';
      if (!name.startsWith(REPORTS_PREFIX)) return;
      if (by.includes('/apply>')) answered(call.region, decodeReport(bytes, name), by);
      else if (name.includes('/findings/')) for (const finding of findingsIn(bytes)) found(call.region, finding, by);
    },
    rested() {
      const primary = world.model.primary?.member;
      if (!world.checked || primary === undefined) return;
      restedAt = world.clock.elapsed();
      const refused = refusedAnywhere(world);
      for (const link of world.set.links) {
        if (link.source !== primary || world.doubt.why(link.id) !== undefined) continue;
        for (const { key } of world.silent.of(link.target)) {
          // Keys that the target refuses are tried again each hour, whatever a check says.
          if (refused.includes(key)) continue;
          const [mine, theirs] = [primary, link.target].map((member) => hashText(world.set.items(member).read(keyOfName(key))));
          if (mine !== theirs) planted.set(`${link.target} ${key}`, key);
        }
      }
    },
    settled() {
      const primary = world.model.primary?.member ?? '';
      for (const [id, key] of planted)
        if (world.set.members.every((member) => world.openShards(member).length <= 1) && !reported.has(id) && contents.since(primary, key) <= restedAt)
          world.violate('I7', `"${key}" differed at ${id.split(' ')[0]} with no record of it, and no check has said so`, key);
    },
    recorded(version) {
      if (world.checked) contents.recorded(version);
    },
    corrupted(member, key) {
      if (world.checked) contents.corrupted(member, key);
    },
    wiped(member) {
      if (world.checked) contents.wiped(member);
    },
  };
};

/** The findings of one object. */
export const findingsIn = (bytes: Uint8Array): readonly Finding[] =>
  Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => findingSchema.parse(JSON.parse(line)));

/** Why a key may differ for good at a link's target; undefined when it may not: then what differs is late. */
export function causeOf(world: World, source: string, target: string, key: string): string | undefined {
  const link = `${source}>${target}`;
  if (world.silent.has(target, key)) return 'no record tells of it';
  if (world.silent.has(source, key)) return 'no record of the source tells of it';
  if (world.doubt.hasKey(target, key)) return 'written by hand';
  const row = world.set.linkRow(source, target);
  if (row === undefined || row.state !== 'open') return `the link is ${row?.state ?? 'not there'}`;
  return world.doubt.why(link);
}
