import { REPORTS_PREFIX } from '../../../lib/core/formats/archive-names.ts';
import type { CheckReport, LinkReport } from '../../../lib/reconcile/check/report.ts';
import { checkReportSchema } from '../../../lib/reconcile/check/report.ts';
import type { MakeOracle } from '../oracle.ts';
import { keyOfName } from '../set.ts';
import { storedBy } from './bases.ts';
import { contentsOf, hashText, keysNow } from './contents.ts';

/** Host clocks differ by less than this (ms). */
const CLOCK_SLACK_MS = 2_000;

/**
 * What a check says at its end: each key is counted once, no fewer keys than there are, and what is called equal is equal. Judged by the tables
 * where nothing was written since the check began; the sums always.
 */
export const checks: MakeOracle = (world) => {
  const contents = contentsOf(world);

  function counted(id: string, link: LinkReport): void {
    const { keys, verified, divergent, unverified, repaired, left, changed, missing, extra } = link;
    const wrong = (what: string): void => world.violate('I7', `the check ${id} of ${link.source}>${link.target} ${what}: ${JSON.stringify(link)}`);
    if (verified + divergent + unverified !== keys) wrong('does not count each key once');
    if (changed + missing + extra !== divergent || repaired + left > divergent) wrong('does not count each divergent key once');
    if (link.result === 'equal' && divergent + unverified - link.refused > 0) wrong('is called equal, and is not');
  }

  /** In a world that stood still meanwhile everything can be known. */
  function still(id: string, report: CheckReport, link: LinkReport): void {
    const { source, target } = link;
    const all = [...keysNow(world, source, target), ...contents.keys(source), ...contents.keys(target)];
    const began = report.startedMs - (world.nowAt(source) - world.clock.elapsed()) - CLOCK_SLACK_MS;
    const moved = (key: string): boolean => contents.since(source, key) > began || contents.since(target, key) > began;
    if (all.some((key) => contents.since(source, key) > began)) return;
    const there = keysNow(world, source).size;
    if (report.mode === 'sweep' && link.why === undefined && link.keys < there)
      world.violate('I7', `the check ${id} counts ${link.keys} keys of ${source}>${target}, and ${source} has ${there}`);
    if (link.result !== 'equal' || report.mode !== 'sweep' || link.refused > 0) return;
    for (const key of new Set(all)) {
      if (moved(key)) continue;
      const [mine, theirs] = [source, target].map((member) => hashText(world.set.items(member).read(keyOfName(key))));
      if (mine !== theirs) {
        world.violate('I7', `the check ${id} calls ${source}>${target} equal, and "${key}" differs`, key);
        return;
      }
    }
  }

  return {
    name: 'checks',
    effect(call, answer) {
      const stored = world.checked ? storedBy(world, call, answer) : undefined;
      if (stored === undefined) return;
      const { name, bytes } = stored;
      if (!name.startsWith(REPORTS_PREFIX) || !name.endsWith('/report.json')) return;
      const report = checkReportSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
      for (const link of report.links) {
        counted(report.id, link);
        if (report.phase === 'done' && report.failed === undefined) still(report.id, report, link);
      }
    },
  };
};
