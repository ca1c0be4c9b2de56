import type { ApiAnswer } from './attempt.ts';
import { SynclineError } from './errors.ts';
import type { Place } from './members.ts';

/** What a member says of the set: `/.well-known/syncline`. */
export interface Discovery {
  readonly set: string;
  readonly members: readonly {
    readonly member: string;
    readonly region: string;
    /** Null until `syncline init` or `syncline endpoints --announce` has told it. */
    readonly url: string | null;
    readonly role: 'primary' | 'secondary' | 'unknown';
  }[];
  readonly primary: string | null;
  readonly epoch: number | null;
  readonly key: { readonly partition: KeyAttribute; readonly sort?: KeyAttribute };
}

interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

/** @throws SynclineError "bad-answer" */
export function readDiscovery(answer: ApiAnswer): Discovery {
  let found: Partial<Discovery> | undefined;
  try {
    found = JSON.parse(answer.text) as Partial<Discovery>;
  } catch {
    // Said below.
  }
  if (typeof found?.set !== 'string' || !Array.isArray(found.members) || typeof found.key?.partition?.name !== 'string') {
    throw new SynclineError('bad-answer', `What ${answer.member} answered at /.well-known/syncline is not one of Syncline’s.`, { status: answer.status });
  }
  return found as Discovery;
}

/**
 * The members that can be asked: those whose URL is known. One without TLS counts only where a seed has none either: what is
 * discovered gets the caller's token.
 */
export function placesOf(found: Discovery, seeds: readonly string[]): Place[] {
  const plain = seeds.some((url) => url.startsWith('http:'));
  return found.members.flatMap(({ member, region, url }) => {
    if (url === null || !URL.canParse(url) || !(plain ? /^https?:/ : /^https:/).test(url)) return [];
    return [{ name: member, region, url: url.replace(/\/+$/, '') }];
  });
}
