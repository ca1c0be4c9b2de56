import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { setConfigSchema } from '../lib/core/config.ts';
import type { Seat } from '../lib/core/formats/rows.ts';
import { isPrimary } from '../lib/core/formats/rows.ts';
import { memberNames } from '../lib/core/names.ts';
import type { EventPort } from '../lib/ports/events.ts';
import type { ObjectPort } from '../lib/ports/objects.ts';
import type { Runtime } from '../lib/ports/runtime.ts';
import type { StreamPort } from '../lib/ports/stream.ts';
import type { LinkContext } from '../lib/replicate/context.ts';
import { linkContext, memberContext } from '../lib/replicate/context.ts';
import { readSelf } from '../lib/replicate/self.ts';
import type { RegionPorts } from '../lib/status/gather.ts';
import type { SetInput } from './context.ts';
import { cdkContext, LOCAL_ACCOUNT, setConfigOf } from './context.ts';
import type { FactsPort } from './doctor/facts.ts';
import { CliError, explain } from './errors.ts';
import type { Again } from './next-steps.ts';
import { againWith } from './next-steps.ts';
import type { Output } from './output.ts';
import type { LocalCloud, Where } from './where.ts';
import { findWhere } from './where.ts';

/** What CloudFormation and Lambda know of a region's stacks. Only the command asks; the flows never do. */
export interface StackPort {
  /** Account that holds the stack; undefined when there is no such stack. @throws RemoteError */
  account(stack: string): Promise<string | undefined>;
  /** URL of the stack's REST API, with its stage, as it can be called from here; undefined when there is none. @throws RemoteError */
  apiUrl(stack: string): Promise<string | undefined>;
  /** SYNCLINE_CONFIG of a function. @throws RemoteError */
  deployedConfig(functionName: string): Promise<string | undefined>;
}

/** All ports of one region. */
export interface CliPorts extends RegionPorts {
  readonly stacks: StackPort;
  readonly stream: StreamPort;
  readonly objects: ObjectPort;
  readonly events: EventPort;
}

/** Options that every command has. */
export interface GlobalOptions extends SetInput {
  readonly endpoint?: readonly string[];
  readonly aws?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** What the outside gives a command; tests give their own. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly localCloud: () => LocalCloud | undefined;
  readonly connect: (region: string, endpoint: string | undefined, local: boolean) => Promise<CliPorts>;
  /** What `doctor` looks at, in one region. */
  readonly facts: (region: string, endpoint: string | undefined, local: boolean) => Promise<FactsPort>;
  /** Who signs requests to the HTTP API. @throws what the SDK's credential chain throws. */
  readonly credentials: (local: boolean) => Promise<Credentials>;
  readonly fetch: typeof fetch;
  /** Text of a file, or of standard input for "-". @throws CliError (usage) when it cannot be read. */
  readonly readText: (file: string) => Promise<string>;
  /** Calls back once when a person wants to end (q, Ctrl-C, a signal); gives what takes this back. */
  readonly onStop: (stop: () => void) => () => void;
  readonly runtime: Runtime;
}

/** AWS credentials, as signing needs them. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** How a session is opened, where not as usual. */
export interface SessionNeeds {
  /** Whether AWS may be asked for the account. Without, a set whose account nobody named gets the local clouds' one: names of tables and functions do not hold it. */
  readonly account?: 'not needed';
}

/** One run of a command: which set, where, and until when. */
export interface Session {
  readonly config: SetConfig;
  readonly where: Where;
  readonly out: Output;
  readonly runtime: Runtime;
  /** Elapsed time (ms) at which the command's time is up. */
  readonly until: number;
  readonly outside: Outside;
  /** Whole command lines of what may follow. */
  readonly again: Again;
  ports(member: MemberConfig): CliPorts;
}

/** Opens a session. @throws CliError */
export async function openSession(options: GlobalOptions, outside: Outside, out: Output, needs: SessionNeeds = {}): Promise<Session> {
  const input: SetInput = { ...cdkContext(outside.cwd), ...namedOf(options) };
  // The regions are needed to know where, and the account, which only the place can tell, is needed for the rest.
  const draft = setConfigOf({ ...input, account: input.account ?? LOCAL_ACCOUNT });
  const where = findWhere(
    options,
    outside.env,
    draft.members.map((m) => m.region),
    outside.localCloud,
  );
  if (where.note !== undefined) out.note(where.note);

  const until = outside.runtime.clock.elapsed() + options.timeout * 1_000;
  const session = async (config: SetConfig): Promise<Session> => {
    const opened = new Map(await Promise.all(config.members.map(async ({ region }) => [region, await connectTo(region, where, outside)] as const)));
    return {
      config,
      where,
      out,
      runtime: outside.runtime,
      until,
      outside,
      again: againWith(options),
      ports: (member) => opened.get(member.region) as CliPorts,
    };
  };

  const known = knownConfig(where, options);
  if (known !== undefined) return session(known);
  if (input.account !== undefined || input.accounts !== undefined || where.local || needs.account === 'not needed') return session(draft);
  const account = outside.env['CDK_DEFAULT_ACCOUNT'] ?? (await accountOf(await session(draft)));
  return session(setConfigOf({ ...input, account }));
}

/** @throws CliError (usage) for a region that is not there. */
async function connectTo(region: string, where: Where, outside: Outside): Promise<CliPorts> {
  const endpoint = where.endpoints[region];
  if (endpoint === undefined && where.only) {
    throw new CliError(
      'usage',
      'unknown-region',
      `There is no endpoint for the region "${region}", only for ${Object.keys(where.endpoints).join(', ')}. Check --regions.`,
    );
  }
  return outside.connect(region, endpoint, where.local);
}

const SET_OPTIONS = ['set', 'regions', 'account', 'accounts', 'tables', 'keys', 'lanes'] as const;
const namedOf = (options: GlobalOptions): SetInput =>
  Object.fromEntries(SET_OPTIONS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));

/** The configuration that the local cloud's record holds, unless the user named another set, or something else of it. */
function knownConfig(where: Where, options: GlobalOptions): SetConfig | undefined {
  const parsed = where.deployed === undefined ? undefined : readConfig(where.deployed);
  if (parsed === undefined || (options.set !== undefined && options.set !== parsed.set)) return undefined;
  return SET_OPTIONS.every((name) => name === 'set' || options[name] === undefined) ? parsed : undefined;
}

/** A configuration from its text; undefined when this version cannot read it. */
export function readConfig(text: string | undefined): SetConfig | undefined {
  try {
    const parsed = setConfigSchema.safeParse(JSON.parse(text ?? ''));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The account, from the first member's Data stack: stack names do not hold it. */
async function accountOf(session: Session): Promise<string> {
  const member = session.config.members[0] as MemberConfig;
  const stack = memberNames(session.config.set, member).dataStack;
  const found = await located(session, member, () => session.ports(member).stacks.account(stack));
  if (found !== undefined) return found;
  throw new CliError(
    'failed',
    'not-deployed',
    `The set "${session.config.set}" is not deployed in ${member.region}: there is no stack "${stack}". Check --set and --regions, deploy with "npx cdk deploy --all", or give --account.`,
  );
}

/** A person's name of a member's place. */
export const placeOf = (session: Session, member: MemberConfig): string => {
  const endpoint = session.where.endpoints[member.region];
  return endpoint === undefined ? member.region : `${member.region} (${endpoint})`;
};

/** Runs something that concerns one member, so that its errors say where. @throws CliError */
export async function located<T>(session: Session, member: MemberConfig, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw explain(error, { set: session.config.set, where: placeOf(session, member), local: session.where.local });
  }
}

/** The member that a user named. @throws CliError (usage) */
export function memberOption(config: SetConfig, name: string, option: string): MemberConfig {
  const found = config.members.find((m) => m.name === name);
  if (found !== undefined) return found;
  throw new CliError(
    'usage',
    'unknown-member',
    `${option}: the set "${config.set}" has no member "${name}". Its members are ${config.members.map((m) => m.name).join(', ')}.`,
  );
}

/** Reads --link A:B. @throws CliError (usage) */
export function linkOption(config: SetConfig, text: string): LinkContext {
  const [source, target, ...more] = text.split(':');
  if (source === undefined || target === undefined || more.length > 0) {
    throw new CliError(
      'usage',
      'bad-link',
      `--link takes SOURCE:TARGET; got ${JSON.stringify(text)}. Example: --link ${config.members[0]?.name ?? 'a'}:${config.members[1]?.name ?? 'b'}`,
    );
  }
  if (source === target) throw new CliError('usage', 'bad-link', `--link: a link leads from one member to another; got "${source}" twice.`);
  return linkContext(config, memberOption(config, source, '--link'), memberOption(config, target, '--link'));
}

/** The links that the primary sends on: the one that was named, or all. @throws CliError (usage) for a link of another member. */
export function primaryLinks(config: SetConfig, primary: MemberConfig, text: string | undefined): readonly LinkContext[] {
  if (text === undefined) return memberContext(config, primary).links;
  const link = linkOption(config, text);
  if (link.source === primary.name) return [link];
  throw new CliError('usage', 'not-primary', `--link: "${link.source}" is not the primary, so nothing is sent from there. The primary is "${primary.name}".`);
}

/** The links that a command is about: the one that was named, or all. */
export function linksOf(config: SetConfig, text: string | undefined): LinkContext[] {
  if (text !== undefined) return [linkOption(config, text)];
  return config.members.flatMap((a) => config.members.filter((b) => b.name !== a.name).map((b) => linkContext(config, a, b)));
}

export const memberOf = (session: Session, name: string): MemberConfig => memberOption(session.config, name, 'member');

/** The primary and its seat, by the seats of all members. @throws CliError when a seat cannot be read, or none is primary. */
export async function findPrimary(session: Session): Promise<{ member: MemberConfig; seat: Seat }> {
  const { config } = session;
  const answers = await Promise.allSettled(
    config.members.map((member) =>
      located(session, member, async () => ({ member, seat: (await readSelf(session.ports(member).table, memberNames(config.set, member).control)).seat })),
    ),
  );
  let found: { member: MemberConfig; seat: Seat } | undefined;
  let seats = 0;
  for (const answer of answers) {
    if (answer.status === 'rejected' || answer.value.seat === undefined) continue;
    seats += 1;
    const { member, seat } = answer.value;
    if (isPrimary(seat) && (found === undefined || seat.own > found.seat.own)) found = { member, seat };
  }
  if (found !== undefined) return found;
  const failed = answers.find((a) => a.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  if (seats === 0)
    throw new CliError(
      'failed',
      'not-initialised',
      `The set "${config.set}" is deployed, but no member has a seat. Run "syncline init --primary MEMBER" first.`,
    );
  throw new CliError('failed', 'no-primary', `No member of the set "${config.set}" is primary: nothing can be sent. See "syncline status".`);
}
