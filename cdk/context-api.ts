import type { ApiAuth } from './auth.ts';
import type { ApiClient } from './clients.ts';
import type { Text } from './context-text.ts';
import { jsonObject } from './context-text.ts';
import { SetPropsError } from './set.ts';

/** Reads what `cdk -c name=value` says about the HTTP API. Pure. Whether the values can be used is checked where they are (auth.ts, clients.ts). */

const SCOPES = ['read', 'write', 'admin'];

/** @throws SetPropsError when something of the tokens is missing, or is there without auth=jwt. */
export function parseAuth(text: Text): ApiAuth | undefined {
  const type = text('auth');
  if (type !== undefined && type !== 'iam' && type !== 'jwt') throw new SetPropsError(`-c auth must be "iam" or "jwt"; got ${JSON.stringify(type)}.`);
  const [issuer, audience, jwksUri, scopes] = [text('issuer'), text('audience'), text('jwksUri'), text('scopes')];
  if (type !== 'jwt') {
    // Whoever names an issuer means tokens: an API that then asks for signatures would surprise.
    const stray = Object.entries({ issuer, audience, jwksUri, scopes }).find(([, value]) => value !== undefined);
    if (stray !== undefined) throw new SetPropsError(`-c ${stray[0]} is for tokens: add -c auth=jwt.`);
    return type === undefined ? undefined : { type };
  }
  if (issuer === undefined || audience === undefined) {
    throw new SetPropsError(`-c auth=jwt needs -c ${issuer === undefined ? 'issuer=https://…' : 'audience=…'} too.`);
  }
  return { type, issuer, audience, ...(jwksUri !== undefined && { jwksUri }), ...(scopes !== undefined && { scopes: parseScopes(scopes) }) };
}

function parseScopes(value: string): Readonly<Record<string, string>> {
  const like = '{"read": "items/read", "write": "items/write"}';
  const scopes = jsonObject('scopes', value, like);
  const odd = Object.entries(scopes).find(([name, scope]) => !SCOPES.includes(name) || typeof scope !== 'string');
  if (odd !== undefined) throw new SetPropsError(`-c scopes takes names for read, write and admin, like ${like}; got ${JSON.stringify(odd[0])}.`);
  return scopes as Readonly<Record<string, string>>;
}

/** Reads `name:ratePerSecond:burst` or `name:ratePerSecond:burst:quotaPerDay`, parted by commas. @throws SetPropsError */
export function parseClients(value: string): readonly ApiClient[] {
  return value.split(',').map((part) => {
    const [name = '', rate = '', burst = '', quota, ...more] = part.trim().split(':');
    const numbers = quota === undefined ? [rate, burst] : [rate, burst, quota];
    if (more.length > 0 || !numbers.every((n) => /^\d{1,9}(\.\d{1,3})?$/.test(n))) {
      throw new SetPropsError(`-c clients: ${JSON.stringify(part.trim())} is not "name:ratePerSecond:burst" or "name:ratePerSecond:burst:quotaPerDay".`);
    }
    return { name, ratePerSecond: Number(rate), burst: Number(burst), ...(quota !== undefined && { quotaPerDay: Number(quota) }) };
  });
}
