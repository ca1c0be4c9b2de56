/**
 * What a caller may do. `admin` stands for the other two as well; `write` does not stand for `read`: who may only write
 * is shown no item.
 */
export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The scopes of a caller whom IAM has let in, or of a member that hands a request on. */
export const ALL_SCOPES: ReadonlySet<Scope> = new Set(SCOPES);

/** Whether a caller with these scopes may do what needs that one. Pure. */
export const allows = (has: ReadonlySet<Scope>, needs: Scope): boolean => has.has(needs) || has.has('admin');

/** How callers prove who they are, as far as the API's own documents speak of it. */
export type AuthFacts =
  | { readonly type: 'iam' }
  | { readonly type: 'jwt'; readonly issuer: string; readonly audience: string; readonly scopes: Readonly<Record<Scope, string>> };

/**
 * What a token says of its scopes: `scope`, names parted by spaces (RFC 8693, 4.2), or a list in `scp` or `permissions`
 * (Entra ID, Okta, Auth0). All that are there count. Pure.
 *
 * @param names the name of each scope with this issuer.
 */
export function scopesOf(claims: Readonly<Record<string, unknown>>, names: Readonly<Record<Scope, string>>): ReadonlySet<Scope> {
  const given = new Set(['scope', 'scp', 'permissions'].flatMap((claim) => namesIn(claims[claim])));
  return new Set(SCOPES.filter((scope) => given.has(names[scope])));
}

function namesIn(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((name) => name !== '');
  return Array.isArray(claim) ? claim.filter((name): name is string => typeof name === 'string') : [];
}
