import type { Item } from '../lib/core/attribute.ts';
import { itemHash } from '../lib/core/canonical.ts';
import type { LogRecord } from '../lib/core/formats/log-record.ts';
import type { Orphan } from '../lib/core/formats/orphan-row.ts';
import { withoutMeta } from '../lib/core/formats/seal.ts';
import { mapToPlain } from '../lib/core/plain-json.ts';
import { heldNow, reapply } from '../lib/reconcile/orphans/reapply.ts';
import { decide, decided } from '../lib/reconcile/orphans/rows.ts';
import { recordOf } from '../lib/reconcile/orphans/value.ts';
import type { MemberReach } from '../lib/reconcile/ports.ts';
import type { AdoptIo } from './adopt-io.ts';
import { agreed } from './agreed.ts';
import type { CheckAt } from './check-ports.ts';
import { checkAt } from './check-ports.ts';
import { checkClock } from './clock-check.ts';
import { CliError, EXIT } from './errors.ts';
import { shellWord } from './next-steps.ts';
import { findOrphan, orphanDocument } from './orphans-list.ts';
import type { Session } from './session.ts';
import { located, memberOf } from './session.ts';
import { orphanText } from './views/orphans-view.ts';

/** `syncline orphans show | reapply | discard`. */

/** All that is known of an orphan. */
interface Known {
  readonly at: CheckAt;
  readonly reach: MemberReach;
  readonly orphan: Orphan;
  /** Absent when the log keeps it no more. */
  readonly record?: LogRecord;
  /** What the primary holds now. */
  readonly held?: Item;
}

async function known(session: Session, id: string, name: string | undefined): Promise<Known> {
  const at = await checkAt(session);
  const { reach, orphan } = await findOrphan(session, at, id, name);
  const record = await located(session, memberOf(session, reach.member.member), () => recordOf(reach.place, session.runtime, orphan));
  const held = await at.at(() => heldNow(at.ports.own, session.runtime, orphan));
  return { at, reach, orphan, ...(record && { record }), ...(held && { held }) };
}

const plainOf = (item: Item | undefined): object | null => (item === undefined ? null : mapToPlain(withoutMeta(item)));

const documentOf = ({ reach, orphan, record, held, at }: Known): object => ({
  ...orphanDocument(reach.member.member, orphan),
  primary: at.primary.name,
  ...(record === undefined ? { gone: true } : { written: plainOf(record.newImage), before: plainOf(record.oldImage) }),
  now: plainOf(held),
});

const textOf = (session: Session, { reach, orphan, record, held, at }: Known): string =>
  orphanText(reach.member.member, at.primary.name, orphan, record, held, at.ports.own.member.key, session.runtime.clock.now(), session.out);

/** @returns the exit code @throws CliError */
export async function showByCommand(session: Session, id: string, own: { readonly member?: string }): Promise<number> {
  const found = await known(session, id, own.member);
  const flags = `${shellWord(found.orphan.id)} --member ${found.reach.member.member}`;
  const steps =
    found.orphan.state === 'open'
      ? [
          ...(found.record === undefined ? [] : [{ command: session.again(`orphans reapply ${flags}`), why: 'It writes it at the primary.' }]),
          { command: session.again(`orphans discard ${flags}`), why: 'The primary’s item stays.' },
        ]
      : [];
  session.out.result(documentOf(found), () => textOf(session, found), steps);
  return EXIT.ok;
}

/** @returns the exit code @throws CliError, InputError "changed-since", "orphan-decided" */
export async function decideByCommand(
  session: Session,
  id: string,
  what: 'reapply' | 'discard',
  own: { readonly member?: string; readonly note?: string; readonly yes?: true },
  io: Pick<AdoptIo, 'confirm'>,
): Promise<number> {
  const { out, runtime } = session;
  const found = await known(session, id, own.member);
  const { at, reach, orphan, record, held } = found;
  if (orphan.state !== 'open') throw decided(orphan.id, orphan.state);
  if (what === 'reapply' && record === undefined)
    throw new CliError(
      'failed',
      'orphan-gone',
      `The log of "${reach.member.member}" keeps what was written no more (${orphan.segment}), so it cannot be re-applied. Discard it.`,
    );
  const facts = documentOf(found);
  const effect =
    what === 'discard'
      ? 'This leaves the primary’s item as it is.'
      : record?.newImage === undefined
        ? `This deletes the item at the primary ${at.primary.name}.`
        : `This writes it at the primary ${at.primary.name}.`;
  const words = `${textOf(session, found)}\n\n${effect}`;
  if (!(await agreed(out, words, facts, own.yes, io.confirm))) {
    out.result({ ...facts, state: 'open', outcome: 'declined' }, () => 'Nothing was done.');
    return EXIT.ok;
  }
  let outcome: 'put' | 'deleted' | 'already' | 'discarded' = 'discarded';
  if (what === 'reapply') {
    // A lease ends by the region's clock, and a fresh rev is made of it.
    if (at.seat.until !== undefined) await checkClock(session, at.primary.region);
    outcome = await at.at(() => reapply(at.ports.own, runtime, at.seat, orphan, record as LogRecord, held));
  }
  const place = { table: reach.table, control: reach.member.tables.control };
  const state = what === 'reapply' ? 'reapplied' : 'discarded';
  const now = await located(session, memberOf(session, reach.member.member), () => decide(place, runtime, orphan, state, own.note));
  const said = { put: 'Written at the primary.', deleted: 'Deleted at the primary.', already: 'The primary’s item was that already.', discarded: 'Discarded.' }[
    outcome
  ];
  out.result(
    { ...facts, ...orphanDocument(reach.member.member, now), outcome, ...(held !== undefined && { replaced: itemHash(held).toString('base64') }) },
    () => said,
  );
  return EXIT.ok;
}
