import type { Command } from 'commander';
import type { ChangeFacts, Images } from '../../lib/archive/history/shown.ts';
import { factsOf, shownDifference } from '../../lib/archive/history/shown.ts';
import { history } from '../../lib/archive/log/history.ts';
import type { Item, Key } from '../../lib/core/attribute.ts';
import { itemHash } from '../../lib/core/canonical.ts';
import { FormatError } from '../../lib/core/errors.ts';
import { withoutMeta } from '../../lib/core/formats/seal.ts';
import { keyText } from '../../lib/core/key.ts';
import { mapToPlain, toPlain } from '../../lib/core/plain-json.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import type { KeyState } from '../../lib/reconcile/diff.ts';
import { diffKey } from '../../lib/reconcile/diff.ts';
import type { MemberReach } from '../../lib/reconcile/ports.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { readSelf } from '../../lib/replicate/self.ts';
import { together } from '../../lib/replicate/together.ts';
import { repeated } from '../check-options.ts';
import type { CheckAt } from '../check-ports.ts';
import { checkAt } from '../check-ports.ts';
import { CliError, EXIT } from '../errors.ts';
import { readKey, showKey } from '../keys.ts';
import { shellWord } from '../next-steps.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { located, memberOf, memberOption } from '../session.ts';
import type { MemberDiff } from '../views/diff-view.ts';
import { diffText } from '../views/diff-view.ts';

interface DiffOptions {
  readonly member?: readonly string[];
}

/** syncline diff KEY */
export function registerDiff(program: Command, run: Run): void {
  program
    .command('diff')
    .summary('what differs of one item, attribute by attribute')
    .description(
      'Reads an item at the primary and at the other members, and shows what differs, attribute by attribute, and what Syncline has left on each copy. Values that DynamoDB calls equal are equal, however they are written (1 and 1.0, sets and maps in another order). It looks at this moment: what differs may be a change on its way, which "syncline check --key" tells apart. Ends with 3 when something differs.',
    )
    .argument('<key>', 'the key, as attr=value,attr=value or in DynamoDB JSON')
    .option('--member <name>', 'only this member; may be repeated (default: all but the primary)', repeated)
    .addHelpText(
      'after',
      "\nExamples:\n  syncline diff country=DE,cityId=2950159\n  syncline diff country=DE,cityId=2950159 --json | jq '.members[] | {member, state, differences}'",
    )
    .action((key: string, own: DiffOptions, command: Command) => run(command, (session) => diff(session, key, own)));
}

async function diff(session: Session, text: string, own: DiffOptions): Promise<number> {
  const { out } = session;
  const at = await checkAt(session);
  const { key: schema } = at.ports.own.member;
  const key = readKey(text, schema);
  const targets = targetsOf(session, at, own);
  const [source, last] = await both(stateOf(session, at.ports.own, key), lastOf(session, at.ports.own, key));
  const members = await together(
    targets.map(async (reach): Promise<MemberDiff> => {
      const { member } = reach.member;
      try {
        const [state, changed] = await both(stateOf(session, reach, key), lastOf(session, reach, key));
        return { member, diff: diffKey(source, state, keyText(key, schema)), images: imagesOf(source.item, state.item), ...(changed && { last: changed }) };
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        return { member, error: { code: error.code, message: error.message } };
      }
    }),
  );
  const { item } = source;
  const document = {
    set: session.config.set,
    primary: at.primary.name,
    key: mapToPlain(key),
    item: item === undefined ? null : mapToPlain(withoutMeta(item)),
    ...(item !== undefined && { hash: itemHash(item).toString('base64') }),
    ...(last && { last }),
    members: members.map(({ member, diff: found, images = {}, last: changed, error }) =>
      found === undefined
        ? { member, state: 'unread', error }
        : { member, ...found, differences: shownDifference(images, toPlain), ...(changed && { last: changed }) },
    ),
  };
  const different = members.some(({ diff: found }) => found !== undefined && found.state !== 'equal');
  const steps = different
    ? [{ command: session.again(`check --key ${shellWord(showKey(key, schema))}`), why: 'It tells a difference from a change on its way, and repairs it.' }]
    : [];
  out.result(
    document,
    () => diffText({ primary: at.primary.name, key: showKey(key, schema), exists: item !== undefined, ...(last && { last }) }, members, out),
    steps,
  );
  if (members.some(({ diff: found }) => found === undefined)) return different ? EXIT.attention : EXIT.unreachable;
  return different ? EXIT.attention : EXIT.ok;
}

/** Two reads at the same time. */
async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [first, second] = await together<A | B>([a, b]);
  return [first as A, second as B];
}

function targetsOf(session: Session, { ports, primary }: CheckAt, { member }: DiffOptions): readonly MemberReach[] {
  if (member === undefined) return [...ports.others.values()];
  return [...new Set(member)].map((name) => {
    const found = ports.others.get(memberOption(session.config, name, '--member').name);
    if (found !== undefined) return found;
    throw new CliError('usage', 'bad-options', `--member: "${primary.name}" is the primary, which the others are compared with. Name another member.`);
  });
}

const imagesOf = (before: Item | undefined, after: Item | undefined): Images => ({ ...(before && { before }), ...(after && { after }) });

/** How long the log is asked when the key was last changed (ms): a help, not the answer. */
const LAST_MAX_MS = 3_000;

/** The newest change of a key that a member's log shows; undefined where it is not found soon, or cannot be read. */
async function lastOf(session: Session, { place }: MemberReach, key: Key): Promise<ChangeFacts | undefined> {
  const { runtime } = session;
  try {
    const { changes } = await history(place, runtime, key, { limit: 1, until: runtime.clock.elapsed() + LAST_MAX_MS });
    const last = changes.at(-1);
    return last === undefined ? undefined : factsOf(last);
  } catch (error) {
    if (error instanceof RemoteError || error instanceof FormatError) return undefined;
    throw error;
  }
}

/** What a member holds of a key. The tombstone is read after the item: a delete writes it first. @throws CliError */
async function stateOf(session: Session, { member, table }: MemberReach, key: Key): Promise<KeyState> {
  const { runtime, until } = session;
  return located(session, memberOf(session, member.member), async () => {
    const { seat } = await retried(runtime, until, () => readSelf(table, member.tables.control));
    const item = await retried(runtime, until, () => table.get(member.tables.items, key));
    const tombstone = await retried(runtime, until, () => table.get(member.tables.tombstones, key));
    return { ...(seat && { tableId: seat.tableId }), ...(item && { item }), ...(tombstone && { tombstone }) };
  });
}
