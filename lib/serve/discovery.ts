import type { Seat } from '../core/formats/rows.ts';
import { isPrimary } from '../core/formats/rows.ts';
import type { Discovery } from './answers.ts';
import type { ServeContext } from './context.ts';
import type { ApiFacts } from './route.ts';

/**
 * GET /.well-known/syncline: the members, where their APIs are, and who accepts writes, as this member's own seat has it.
 *
 * API Gateway mints host names at deployment, so no member can compute those of others: the command announces them into
 * every seat. The own URL, when it was not announced, is the one that the request came to. Pure.
 *
 * @param seat the own seat, if there is one.
 * @param base URL that the request came to, when the gateway says it.
 */
export function discoveryOf(
  ctx: Pick<ServeContext, 'set' | 'member' | 'key'>,
  members: ApiFacts['members'],
  seat: Seat | undefined,
  base: string | undefined,
): Discovery {
  const primary = primaryOf(ctx.member, seat);
  const role = (name: string): Discovery['members'][number]['role'] => {
    if (primary === undefined) return 'unknown';
    return name === primary ? 'primary' : 'secondary';
  };
  return {
    set: ctx.set,
    members: members.map(({ name, region }) => ({
      member: name,
      region,
      url: seat?.urls?.[name] ?? (name === ctx.member ? (base ?? null) : null),
      role: role(name),
    })),
    primary: primary ?? null,
    epoch: seat?.fence ?? null,
    key: { partition: ctx.key.partition, ...(ctx.key.sort !== undefined && { sort: ctx.key.sort }) },
  };
}

/** The primary by the own seat. A member that is none cannot still be the hint: it was deposed just now. */
function primaryOf(self: string, seat: Seat | undefined): string | undefined {
  if (seat === undefined) return undefined;
  if (isPrimary(seat)) return self;
  return seat.primary === self ? undefined : seat.primary;
}
