import type { Bench } from '../bench.ts';
import { RawMeter } from '../raw.ts';
import type { Group, Row } from '../rows.ts';
import { openSite } from '../site.ts';
import { Feed } from './feed.ts';
import { measureLog } from './log.ts';
import { measureMillion } from './million.ts';
import { measureTable } from './table.ts';

/** The archive's measurements, on a local cloud of their own. */

export const ARCHIVE_GROUPS = ['archive', 'snapshot', 'restore', 'history', 'archive-memory'] as const satisfies readonly Group[];

/** Measures those that are wanted. @throws WrongResultError */
export async function measureArchive(bench: Bench, wanted: ReadonlySet<Group>): Promise<Row[]> {
  const small = ['archive', 'snapshot', 'restore'].some((group) => wanted.has(group as Group)) ? await measureSmall(bench, wanted) : [];
  const large = wanted.has('history') || wanted.has('archive-memory') ? await measureMillion(bench, wanted) : [];
  return [...small, ...large];
}

/** What is compared with limits of the same run. */
async function measureSmall(bench: Bench, wanted: ReadonlySet<Group>): Promise<Row[]> {
  const started = bench.steps.begin('Starting two regions for the archive');
  const site = await openSite(bench.signal);
  started();
  const rows: Row[] = [];
  const feed = await Feed.start(bench, site);
  try {
    if (wanted.has('snapshot') || wanted.has('restore')) {
      const raw = await RawMeter.start(bench, site);
      try {
        rows.push(...(await measureTable(bench, site, feed, raw)).filter((row) => wanted.has(row.group)));
      } finally {
        await raw.end();
      }
    }
    if (wanted.has('archive')) rows.push(...(await measureLog(bench, site, feed)));
  } finally {
    await feed.end();
    await site.stop();
  }
  return rows;
}
