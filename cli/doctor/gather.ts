import type { MemberConfig } from '../../lib/core/config.ts';
import type { KeySchema } from '../../lib/core/key.ts';
import { keyAttributes } from '../../lib/core/key.ts';
import { memberNames } from '../../lib/core/names.ts';
import type { DoctorFacts, ExpiryFacts, Fact, MemberDoctorFacts } from '../../lib/doctor/facts.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { LOCAL_ACCOUNT } from '../context.ts';
import type { Session } from '../session.ts';
import { readConfig } from '../session.ts';

/** Gathers what `doctor` judges, from all members at once. What cannot be seen is said, with its reason. */
export async function gatherFacts(session: Session): Promise<DoctorFacts> {
  const { config, where } = session;
  const [expiry, ...members] = await Promise.all([
    looker(session)(() => deployedExpiry(session)),
    ...config.members.map((member) => gatherMember(session, member)),
  ]);
  return { set: config.set, key: keyAttributes(config.key as KeySchema), local: where.local, members, expiry };
}

/** How the functions expire items: a command line does not say it. Undefined where no member's can be read. @throws RemoteError */
async function deployedExpiry({ config, ports }: Session): Promise<ExpiryFacts | undefined> {
  for (const member of config.members) {
    const found = readConfig(await ports(member).stacks.deployedConfig(memberNames(config.set, member).fn('fanout')));
    if (found !== undefined) return { mode: found.expiry, ...(found.expiryAttribute !== undefined && { attribute: found.expiryAttribute }) };
  }
  return undefined;
}

/** Looks at something; what cannot be seen is said, with its reason. */
const looker =
  ({ runtime, until }: Session) =>
  async <T>(read: () => Promise<T>): Promise<Fact<T>> => {
    try {
      return { seen: true, value: await retried(runtime, until, read) };
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      return { seen: false, why: `${error.code}: ${error.message}`, denied: error.kind === 'denied' };
    }
  };

async function gatherMember(session: Session, member: MemberConfig): Promise<MemberDoctorFacts> {
  const { config, where, outside } = session;
  const names = memberNames(config.set, member);
  const port = await outside.facts(member.region, where.endpoints[member.region], where.local);
  const look = looker(session);
  // Who asks comes first: without credentials there is nothing to see, and each further question would only wait.
  const who = await look(() => port.identity());
  const ask = <T>(read: () => Promise<T>): Promise<Fact<T>> => (who.seen ? look(read) : Promise.resolve(who));
  const [bootstrap, concurrency, items, tombstones, control, data, app] = await Promise.all([
    ask(() => port.bootstrap()),
    ask(() => port.concurrency()),
    ask(() => port.table(member.items)),
    ask(() => port.table(names.tombstones)),
    ask(() => port.table(names.control)),
    ask(() => port.stack(names.dataStack)),
    ask(() => port.stack(names.appStack)),
  ]);
  const arn = items.seen ? items.value?.stream?.arn : undefined;
  return {
    member: member.name,
    region: member.region,
    // Without a word about the account, that of the credentials is taken as meant.
    ...((where.local || member.account !== LOCAL_ACCOUNT) && { account: member.account }),
    identity: who.seen ? { seen: true, value: who.value.identity } : who,
    clock: who.seen
      ? who.value.clock === undefined
        ? { seen: false, why: 'the answer had no Date', denied: false }
        : { seen: true, value: who.value.clock }
      : who,
    bootstrap,
    concurrency,
    itemsName: member.items,
    items,
    tombstones,
    control,
    readers: arn === undefined ? { seen: true, value: undefined } : await ask(() => port.readers(arn)),
    ownReaders: [names.fn('fanout'), names.fn('observe')],
    stacks: [
      { name: names.dataStack, facts: data },
      { name: names.appStack, facts: app },
    ],
  };
}
