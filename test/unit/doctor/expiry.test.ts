import { describe, expect, it } from 'vitest';
import { examine } from '../../../lib/doctor/doctor.ts';
import type { DoctorFacts, ExpiryFacts, Finding } from '../../../lib/doctor/facts.ts';
import { facts, member, refused, seen, table } from '../cli/doctor-facts.ts';

/** Whether the functions know by which attribute the tables expire items. */

const found = (ttl: string | undefined, expiry: DoctorFacts['expiry']): Finding | undefined => {
  const of = facts([member({ items: seen(table({ ttl: seen(ttl) })) }), member({ member: 'b', items: seen(table({ ttl: seen(ttl) })) })]);
  return examine({ ...of, ...(expiry && { expiry }) }).find(({ check }) => check === 'expiry-attribute');
};
const local = (attribute?: string): DoctorFacts['expiry'] => seen<ExpiryFacts>({ mode: 'local', ...(attribute !== undefined && { attribute }) });

describe('The attribute by which items expire', () => {
  it('is fine where tables and functions have the same, or none', () => {
    expect(found(undefined, local())).toMatchObject({ level: 'ok' });
    expect(found('expires', local('expires'))).toMatchObject({ level: 'ok', message: expect.stringContaining('"expires"') });
  });

  it('is a warning where the tables expire by one that the functions do not know, with what to do', () => {
    expect(found('expires', local())).toMatchObject({ level: 'warn', todo: 'Deploy it with -c expiryAttribute=expires.' });
    expect(found('expires', local('other'))).toMatchObject({ level: 'warn', message: expect.stringContaining('deployed with "other"') });
  });

  it('is a warning where the functions know one and the tables expire nothing', () => {
    expect(found(undefined, local('expires'))).toMatchObject({ level: 'warn', message: expect.stringContaining('TTL is off') });
  });

  it('is nothing to look at where deletes of the TTL travel, before a deployment, and where nobody could look', () => {
    expect(found('expires', seen({ mode: 'replicate' }))).toBeUndefined();
    expect(found('expires', seen(undefined))).toBeUndefined();
    expect(found('expires', refused)).toBeUndefined();
    expect(found('expires', undefined)).toBeUndefined();
  });
});
