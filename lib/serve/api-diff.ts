import { shownDifference } from '../archive/history/shown.ts';
import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import { decodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import { withoutMeta } from '../core/formats/seal.ts';
import { keyText } from '../core/key.ts';
import { mapToPlain, toPlain } from '../core/plain-json.ts';
import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { KeyState } from '../reconcile/diff.ts';
import { diffKey } from '../reconcile/diff.ts';
import { retried } from '../replicate/retry.ts';
import { together } from '../replicate/together.ts';
import { noPrimary } from './anywhere.ts';
import type { Form } from './body.ts';
import type { ServeContext } from './context.ts';
import { seenFrom } from './context.ts';
import { fitsAnswer } from './http.ts';
import { keyFromQuery } from './key-query.ts';
import { answerForm, TYPE_OF } from './negotiate.ts';
import { ProblemError, RETRY_AFTER_S } from './problem.ts';
import type { Operation } from './route.ts';
import { readSeat } from './seat.ts';

/** GET /items/diff: one item at the primary and at all other members, by consistent reads of each. Any member reads them all by itself. */

/** No read is begun after this (ms). */
const BUDGET_MS = 5_000;

/** @throws InputError "invalid-query", "invalid-key" · ProblemError not-initialised, no-primary, primary-unreachable, … */
export const diff: Operation = async (ctx, runtime, request) => {
  const key = keyFromQuery(request.query, ctx.key);
  const form = answerForm(request);
  const until = runtime.clock.elapsed() + BUDGET_MS;
  const { seat } = await readSeat(ctx, runtime, until);
  const primary = isPrimary(seat) ? ctx.member : seat.primary;
  const source = primary === undefined ? undefined : placed(ctx, primary);
  if (primary === undefined || source === undefined) throw noPrimary(ctx, 'reads');
  const here = await stateOf(source, runtime, key, until).catch((cause: unknown) => {
    if (!isRemote(cause)) throw cause;
    const why = `The item could not be read at the primary, "${primary}". Try again.`;
    throw new ProblemError('primary-unreachable', why, { primary, retryAfterS: RETRY_AFTER_S }, { cause });
  });
  const others = [ctx.member, ...ctx.others.keys()].filter((name) => name !== primary);
  const states = await together(others.map(async (name): Promise<Found> => ({ name, ...(await readable(placed(ctx, name) ?? ctx, runtime, key, until)) })));
  return {
    status: 200,
    headers: { 'content-type': TYPE_OF[form], 'cache-control': 'no-store', vary: 'accept', 'syncline-member': ctx.member },
    body: bodyOf(ctx, form, primary, key, here, states),
  };
};

/** The context as if it were of that member. */
const placed = (ctx: ServeContext, member: string): ServeContext | undefined => (member === ctx.member ? ctx : seenFrom(ctx, member));

/** What a member holds of a key. The tombstone is read after the item: a delete writes it first. @throws RemoteError, FormatError */
async function stateOf({ table, tables }: ServeContext, runtime: Runtime, key: Key, until: number): Promise<KeyState> {
  const seat = await retried(runtime, until, () => table.get(tables.control, SEAT_KEY));
  const item = await retried(runtime, until, () => table.get(tables.items, key));
  const tombstone = await retried(runtime, until, () => table.get(tables.tombstones, key));
  return { ...(seat && { tableId: decodeSeat(seat).tableId }), ...(item && { item }), ...(tombstone && { tombstone }) };
}

/** What one member holds, or why that is not known. */
interface Found {
  readonly name: string;
  readonly state?: KeyState;
  readonly why?: string;
}

async function readable(ctx: ServeContext, runtime: Runtime, key: Key, until: number): Promise<Omit<Found, 'name'>> {
  try {
    return { state: await stateOf(ctx, runtime, key, until) };
  } catch (error) {
    if (!isRemote(error)) throw error;
    return { why: `${ctx.member} could not be read: ${error.kind}.` };
  }
}

/** The JSON: as much of it as an answer can hold. An item has 400 KB, and each member may have another one. */
function bodyOf({ set, key: schema }: ServeContext, form: Form, primary: string, key: Key, here: KeyState, states: readonly Found[]): string {
  const value = (of: AttributeValue): unknown => (form === 'plain' ? toPlain(of) : of);
  const whole = (of: Item): unknown => (form === 'plain' ? mapToPlain(of) : of);
  const { item } = here;
  const text = (withItem: boolean, withValues: boolean): string =>
    JSON.stringify({
      set,
      primary,
      key: whole(key),
      ...(item && withItem && { item: whole(withoutMeta(item)) }),
      ...(item && { hash: itemHash(item).toString('base64') }),
      members: states.map(({ name, state, why }) => {
        if (state === undefined) return { member: name, state: 'unread', why };
        const images = { ...(item && { before: item }), ...(state.item && { after: state.item }) };
        const differences = shownDifference(images, value);
        return {
          member: name,
          ...diffKey(here, state, keyText(key, schema)),
          differences: withValues ? differences : differences.map(({ path }) => ({ path })),
        };
      }),
      ...(!(withItem && withValues) && { cut: true }),
    });
  const all = text(true, true);
  if (fitsAnswer(all)) return all;
  const paths = text(true, false);
  return fitsAnswer(paths) ? paths : text(false, false);
}
