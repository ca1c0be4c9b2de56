import { imagesOf } from '../archive/history/shown.ts';
import type { Item } from '../core/attribute.ts';
import { text } from '../core/attribute.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import type { Orphan } from '../core/formats/orphan-row.ts';
import { ORPHAN, orphanKey } from '../core/formats/orphan-row.ts';
import { stringValue } from '../core/formats/rows.ts';
import { mapToPlain } from '../core/plain-json.ts';
import type { Runtime } from '../ports/runtime.ts';
import { readableOrphan, readOrphan } from '../reconcile/orphans/rows.ts';
import { recordOf } from '../reconcile/orphans/value.ts';
import { retried } from '../replicate/retry.ts';
import { fromArchive } from './archive-problem.ts';
import type { Form } from './body.ts';
import type { ServeContext } from './context.ts';
import { isThere } from './findings-page.ts';
import { answerForm, TYPE_OF } from './negotiate.ts';
import type { Asked } from './options.ts';
import { readOptions } from './options.ts';
import { matchPath } from './path.ts';
import { ProblemError } from './problem.ts';
import { byMember, told } from './reporter.ts';
import type { Operation } from './route.ts';
import type { Paged } from './text-cursor.ts';
import { badCursor, fieldsOfCursor, textCursor } from './text-cursor.ts';

/** The operations that show orphans: writes that lost their place, as the member that holds them has them. Nothing is decided by them. */

/** No read is begun after this (ms). */
const BUDGET_MS = 8_000;
/** Rows that one request reads, and that one page goes through: most may be of another state than is asked for. */
const ROWS_PER_QUERY = 200;
const ROWS_PER_PAGE = 4_000;

export const ORPHAN_PATH = '/orphans/{id}';

/** GET /orphans. @throws InputError "invalid-query", "invalid-cursor" · ProblemError, RemoteError */
export const orphans: Operation = async (ctx, runtime, request, facts) => {
  const asked = readOptions(
    request.query,
    ['state', 'member', 'limit', 'cursor'],
    facts.members.map((m) => m.name),
  );
  const form = answerForm(request);
  return byMember(ctx, runtime, request, asked.member, async () => {
    const page = await orphansHere(ctx, runtime, asked, runtime.clock.elapsed() + BUDGET_MS);
    return told(ctx, { member: ctx.member, ...page, orphans: page.orphans.map((orphan) => shown(ctx, orphan, form)) }, TYPE_OF[form]);
  });
};

/** GET /orphans/{id}. @throws ProblemError "unknown-orphan", "archive-damaged", "archive-unavailable", …, RemoteError */
export const orphan: Operation = async (ctx, runtime, request, facts) => {
  const { member } = readOptions(
    request.query,
    ['member'],
    facts.members.map((m) => m.name),
  );
  const form = answerForm(request);
  // A "#" in a path is encoded, and encoded once more for a signature: so a "-" may stand in its place.
  const id = (matchPath(ORPHAN_PATH, request.path)?.get('id') ?? '').replace('-', '#');
  return byMember(ctx, runtime, request, member, async () => {
    const found = /^[0-9a-f]{32}#\d{40}$/.test(id) ? await readOrphan({ table: ctx.table, control: ctx.tables.control }, runtime, id) : undefined;
    if (found === undefined)
      throw new ProblemError(
        'unknown-orphan',
        `There is no orphan ${JSON.stringify(id.slice(0, 80))} at "${ctx.member}". GET /orphans lists them; write "-" for the "#" in an id, and "member" says whose it is.`,
      );
    const record = await fromArchive(() => keptValue(ctx, runtime, found));
    const images = record === undefined ? {} : imagesOf(record);
    const values = {
      ...(images.after && { written: inForm(images.after, form) }),
      ...(images.before && { replaced: inForm(images.before, form) }),
    };
    return told(ctx, { ...shown(ctx, found, form), kept: record !== undefined, ...values }, TYPE_OF[form]);
  });
};

const inForm = (item: Item, form: Form): unknown => (form === 'plain' ? mapToPlain(item) : item);

const shown = ({ member }: ServeContext, { segment, ordinal, key, ...orphan }: Orphan, form: Form): object => ({
  member,
  ...orphan,
  key: inForm(key, form),
  log: { segment, line: ordinal },
});

/** Its record in the log; undefined when the log has it no more. */
const keptValue = async ({ archive }: ServeContext, runtime: Runtime, found: Orphan): Promise<LogRecord | undefined> =>
  (await isThere(archive, runtime, found.segment, runtime.clock.elapsed() + BUDGET_MS)) ? recordOf(archive, runtime, found) : undefined;

const pagesOf = ({ state }: Asked, member: string): Paged => ({
  id: `orphans of ${member}, ${state}`,
  other: 'another member or state',
  same: 'the same member and state',
});

async function orphansHere(
  ctx: ServeContext,
  runtime: Runtime,
  asked: Asked,
  until: number,
): Promise<{ readonly orphans: readonly Orphan[]; readonly next?: string }> {
  const paged = pagesOf(asked, ctx.member);
  const found: Orphan[] = [];
  let after: Item | undefined = asked.cursor === undefined ? undefined : orphanKey(placeOf(asked.cursor, paged));
  for (let seen = 0; seen < ROWS_PER_PAGE && runtime.clock.elapsed() < until; ) {
    const from: Item | undefined = after;
    const page = await retried(runtime, until, () =>
      ctx.table.query({
        table: ctx.tables.control,
        partition: { name: 'pk', value: stringValue(ORPHAN) },
        limit: ROWS_PER_QUERY,
        ...(from !== undefined && { after: from }),
      }),
    );
    for (const row of page.items) {
      after = orphanKey(text(row['sk'], 'S') ?? '');
      const one = readableOrphan(row, runtime);
      if (one === undefined || (asked.state !== 'all' && one.state !== asked.state)) continue;
      found.push(one);
      if (found.length === asked.limit) return { orphans: found, next: nextAfter(after) };
    }
    seen += Math.max(1, page.items.length);
    if (page.next === undefined) return { orphans: found };
    after = page.next;
  }
  return { orphans: found, ...(after !== undefined && { next: nextAfter(after) }) };

  function nextAfter(key: Item): string {
    return textCursor(paged, [text(key['sk'], 'S') ?? '']);
  }
}

function placeOf(cursor: string, paged: Paged): string {
  const [id = '', ...more] = fieldsOfCursor(cursor, paged);
  if (id === '' || more.length > 0) throw badCursor(paged, 'it holds no place');
  return id;
}
