import type { MemberConfig } from '../../lib/core/config.ts';
import { memberNames } from '../../lib/core/names.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';
import { located, memberOption, placeOf } from '../session.ts';

/** Where a request to the HTTP API may go. */
export interface ApiPlace {
  /** The member's name; of an API that was named by its URL alone, the URL. */
  readonly member: string;
  /** For the signature. */
  readonly region: string;
  /** With the stage, without a slash at the end. */
  readonly url: string;
}

/** What a person says of the place. */
export interface PlaceChoice {
  readonly member?: string;
  readonly url?: string;
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

/** The region in an execute-api host name. Pure. https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html */
export const regionOfUrl = (url: string): string | undefined => /\.execute-api\.([a-z0-9-]+)\./.exec(new URL(url).hostname)?.[1];

/**
 * The APIs that a request may go to: the one that was named, or all members'. Members whose URL cannot be found are
 * left out, as long as one is found.
 *
 * @throws CliError when none is found, for the first member's reason.
 */
export async function apiPlaces(session: Session, choice: PlaceChoice): Promise<readonly ApiPlace[]> {
  const { config, out } = session;
  if (choice.url !== undefined) return [namedPlace(session, choice.url, choice.member)];
  const members = choice.member === undefined ? config.members : [memberOption(config, choice.member, '--member')];
  const answers = await Promise.allSettled(members.map((member) => placeOfMember(session, member)));
  const found = answers.flatMap((a) => (a.status === 'fulfilled' ? [a.value] : []));
  const failed = answers.find((a) => a.status === 'rejected');
  if (found.length === 0 && failed !== undefined) throw failed.reason;
  answers.forEach((a, i) => {
    if (a.status === 'rejected') out.note(`note: ${members[i]?.name ?? ''} is left out: ${a.reason instanceof Error ? a.reason.message : String(a.reason)}`);
  });
  return found;
}

function namedPlace({ config }: Session, text: string, member: string | undefined): ApiPlace {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new CliError('usage', 'bad-url', `--url takes the http or https URL of an API with its stage; got ${JSON.stringify(text)}.`);
  const named = member === undefined ? undefined : memberOption(config, member, '--member');
  const region = named?.region ?? regionOfUrl(text) ?? config.members[0]?.region ?? '';
  return { member: named?.name ?? withoutSlash(text), region, url: withoutSlash(text) };
}

async function placeOfMember(session: Session, member: MemberConfig): Promise<ApiPlace> {
  const stack = memberNames(session.config.set, member).appStack;
  const url = await located(session, member, () => retried(session.runtime, session.until, () => session.ports(member).stacks.apiUrl(stack)));
  if (url !== undefined) return { member: member.name, region: member.region, url: withoutSlash(url) };
  throw new CliError(
    'failed',
    'not-deployed',
    `The member "${member.name}" has no API in ${placeOf(session, member)}: there is no stack "${stack}". Deploy it, or name an API with --url.`,
  );
}
