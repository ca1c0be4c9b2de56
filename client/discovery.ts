import { SynclineError } from './errors.ts';
import type { Place } from './members.ts';
import type { ApiAnswer } from './transport.ts';

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

/** The members that can be asked. */
export const placesOf = (found: Discovery): Place[] =>
  found.members.flatMap(({ member, region, url }) => (url === null ? [] : [{ name: member, region, url: url.replace(/\/+$/, '') }]));
