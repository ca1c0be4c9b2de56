import type { AttributeValue } from '../../core/attribute.ts';
import type { Link, Seat } from '../../core/formats/rows.ts';
import { isPrimary, linkKey, numberValue, stringValue } from '../../core/formats/rows.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Condition } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { readSelf } from '../../replicate/self.ts';
import type { MemberReach } from '../ports.ts';
import { PROVE_REQUEST_MAX_MS } from './limits.ts';

/** What became of a note in a link's row. */
export type Noted = { readonly ok: true } | { readonly ok: false; readonly why: string };

/**
 * Notes in a link's row that source and target were proven equal as of a time: only if the source's seat still is of that epoch and its
 * primary, and the link is open and was not closed meanwhile.
 *
 * ⚠ The seat is another row. It is read before the note and again after it, and a note under a seat that has changed is taken back. So a
 * promotion leaves no proof of an older epoch behind as long as it changes the seat before it clears `proven`: if it has changed the seat
 * by the second read, that is seen; if not, its clearing comes after the note.
 *
 * @param proof.at ms, clock of the source's region: before the drain whose end the comparison came after
 * @throws RemoteError, FormatError
 */
export async function markProven({ table, member }: MemberReach, runtime: Runtime, target: string, proof: Proof): Promise<Noted> {
  const { control } = member.tables;
  const until = runtime.clock.elapsed() + PROVE_REQUEST_MAX_MS;
  const look = async (): Promise<{ readonly seat: Seat | undefined; readonly link: Link | undefined }> => {
    const { seat, links } = await retried(runtime, until, () => readSelf(table, control));
    return { seat, link: links.get(target) };
  };
  const { seat, link } = await look();
  const why = refusal(seat, link, proof);
  if (why !== undefined || link === undefined) return { ok: false, why: why ?? NO_LINK };
  const at = numberValue(proof.at);
  const { ok } = await retried(runtime, until, () =>
    table.update(
      control,
      linkKey(target),
      { set: { proven: at } },
      { op: 'and', of: [isValue('state', stringValue('open')), isValue('since', numberValue(link.since))] },
    ),
  );
  if (!ok) return { ok: false, why: CLOSED };
  const after = refusal((await look()).seat, link, proof);
  if (after === undefined) return { ok: true };
  await retried(runtime, until, () => table.update(control, linkKey(target), { remove: ['proven'] }, isValue('proven', at)));
  return { ok: false, why: after };
}

/** When, and in which epoch of its source, a link is proven. */
export interface Proof {
  readonly at: number;
  readonly epoch: number;
}

const NO_LINK = 'there is no such link';
const CLOSED = 'the link was closed and opened again meanwhile';

const isValue = (name: string, value: AttributeValue): Condition => ({ op: '=', path: [name], value });

/** Why a link cannot be noted as proven, or undefined. Pure. */
export function refusal(seat: Seat | undefined, link: Link | undefined, { at, epoch }: Proof): string | undefined {
  if (seat === undefined || !isPrimary(seat) || seat.own !== epoch) return `the primary was changed meanwhile (epoch ${epoch} is over)`;
  if (link === undefined) return NO_LINK;
  if (link.state !== 'open') return `the link is ${link.state}${link.why === undefined ? '' : `: ${link.why}`}`;
  // It may have lost changes between its last opening and this proof's drain only if it was opened after that.
  if (link.since > at) return CLOSED;
  return undefined;
}

/**
 * Opens a link that was given up, so that changes travel again beside the comparison that finds what it has lost.
 *
 * @returns whether it was stale. @throws RemoteError, FormatError
 */
export async function reopenStale({ table, member }: MemberReach, runtime: Runtime, target: string): Promise<boolean> {
  const { control } = member.tables;
  const until = runtime.clock.elapsed() + PROVE_REQUEST_MAX_MS;
  const answer = await retried(runtime, until, () =>
    table.update(
      control,
      linkKey(target),
      { set: { state: stringValue('open'), since: numberValue(runtime.clock.now()) }, remove: ['why', 'refusing', 'proven'] },
      { op: '=', path: ['state'], value: stringValue('stale') },
    ),
  );
  return answer.ok;
}
