import type { ArchivePlace } from '../archive/place.ts';
import type { Runtime } from '../ports/runtime.ts';
import { findingsName, readPart, readReport, reportName } from '../reconcile/check/objects.ts';
import type { CheckReport, Finding } from '../reconcile/check/report.ts';
import { retried } from '../replicate/retry.ts';
import type { FindingsPageAnswer } from './answers-checks.ts';
import type { Paged } from './text-cursor.ts';
import { badCursor, fieldsOfCursor, textCursor } from './text-cursor.ts';

/**
 * What a check has left in the bucket. ⚠ Each object is listed before it is read: to a caller who may list only some prefixes, S3 answers
 * "denied" for an object that is not there.
 */

/** Parts of the findings that one page reads; each is an object of up to 1,000 findings. */
const PARTS_PER_PAGE = 10;

/** Whether there is an object of a name. @throws RemoteError */
export async function isThere({ objects, bucket }: ArchivePlace, runtime: Runtime, name: string, until: number): Promise<boolean> {
  const { objects: found } = await retried(runtime, until, () => objects.list(bucket, { prefix: name, limit: 1 }));
  return found[0]?.key === name;
}

/** The stored report of a check; undefined where there is none. @throws FormatError naming the object · RemoteError */
export const storedReport = async (place: ArchivePlace, runtime: Runtime, id: string, until: number): Promise<CheckReport | undefined> =>
  (await isThere(place, runtime, reportName(id), until)) ? readReport(place, runtime, id) : undefined;

const pagesOf = (id: string): Paged => ({ id: `findings of ${id}`, other: 'another check', same: 'the same check' });

/**
 * A page of a check's findings.
 *
 * @param until elapsed time (ms) after which no retry is begun.
 * @throws InputError "invalid-cursor" · FormatError naming the object · RemoteError
 */
export async function findingsPage(
  place: ArchivePlace,
  runtime: Runtime,
  id: string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
  until: number,
): Promise<FindingsPageAnswer> {
  const from = cursor === undefined ? { part: 0, line: 0 } : placeOf(cursor, id);
  const prefix = findingsName(id, 0).slice(0, findingsName(id, 0).lastIndexOf('/') + 1);
  const { objects } = await retried(runtime, until, () =>
    place.objects.list(place.bucket, { prefix, limit: PARTS_PER_PAGE + 1, ...(from.part > 0 && { after: findingsName(id, from.part - 1) }) }),
  );
  const parts = objects.flatMap(({ key }) => partOf(key, id) ?? []);
  const findings: Finding[] = [];
  const pageTo = (part: number, line: number): FindingsPageAnswer => ({ check: id, findings, next: textCursor(pagesOf(id), [String(part), String(line)]) });
  for (const [i, part] of parts.entries()) {
    if (i === PARTS_PER_PAGE || findings.length === limit) return pageTo(part, 0);
    const lines = await readPart(place, runtime, id, part);
    const skipped = part === from.part ? from.line : 0;
    const some = lines.slice(skipped, skipped + limit - findings.length);
    findings.push(...some);
    if (skipped + some.length < lines.length) return pageTo(part, skipped + some.length);
  }
  return { check: id, findings };
}

function placeOf(cursor: string, id: string): { readonly part: number; readonly line: number } {
  const paged = pagesOf(id);
  const [part = '', line = '', ...more] = fieldsOfCursor(cursor, paged);
  if (!/^\d{1,6}$/.test(part) || !/^\d{1,6}$/.test(line) || more.length > 0) throw badCursor(paged, 'it holds no place');
  return { part: Number(part), line: Number(line) };
}

/** The number of a part, by its name. */
function partOf(key: string, id: string): number | undefined {
  const digits = /(\d+)\.jsonl$/.exec(key)?.[1];
  return digits !== undefined && findingsName(id, Number(digits)) === key ? Number(digits) : undefined;
}
