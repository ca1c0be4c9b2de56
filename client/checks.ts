import type { Item } from '../lib/core/attribute.ts';
import type { ApiAnswer } from './attempt.ts';
import type { CheckReport, DiffPage, Finding, FindingsPage, ItemDiff, Orphan, OrphanOptions, OrphanPage, PageOptions, Proof } from './checks-types.ts';
import type { AttributeChange } from './history.ts';
import type { CallOptions } from './types.ts';
import { unmarshal, unmarshalItem } from './values.ts';
import { bodyOf, encoded, pagesOf } from './wire.ts';

/** Sends a read. @param query without "?" */
export type Ask = (path: string, query: string, options: CallOptions) => Promise<ApiAnswer>;

/** What the set says of itself: whether its members are equal, what checks have found, and what was written past the primary. It needs the scope `admin`. */
export class Checks {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** How far each member is known to be equal to the primary. @throws SynclineError */
  async proof(options: CallOptions = {}): Promise<Proof> {
    return bodyOf<Proof>(await this.#ask('/proof', '', options));
  }

  /** The newest checks, the newest first, without what they found. @throws SynclineError */
  async list(options: CallOptions = {}): Promise<readonly Omit<CheckReport, 'first'>[]> {
    return bodyOf<{ checks: Omit<CheckReport, 'first'>[] }>(await this.#ask('/checks', '', options)).checks;
  }

  /** What a check says, as it stands. @throws SynclineError "unknown-check", … */
  async get(id: string, options: CallOptions = {}): Promise<CheckReport> {
    const report = bodyOf<CheckReport<Item>>(await this.#ask(`/checks/${encoded(id)}`, '', options));
    return { ...report, first: report.first.map(findingOf) };
  }

  /** A page of what a check has found. @throws SynclineError "unknown-check", … */
  async findings(id: string, { limit, cursor, ...options }: PageOptions = {}): Promise<FindingsPage> {
    const answer = await this.#ask(`/checks/${encoded(id)}/findings`, queryOf({ limit, cursor }), options);
    const { findings, next } = bodyOf<FindingsPage<Item>>(answer);
    return { findings: findings.map(findingOf), ...(next !== undefined && { next }) };
  }

  /** All that a check has found, page by page as it is asked for. @throws SynclineError */
  async *findingsAll(id: string, { cursor, ...options }: PageOptions = {}): AsyncGenerator<Finding, void, undefined> {
    for await (const { findings } of pagesOf(cursor, ({ after }) => this.findings(id, { ...options, ...(after !== undefined && { cursor: after }) })))
      yield* findings;
  }

  /** Writes that lost their place at one member. @throws SynclineError */
  async orphans({ member, state, limit, cursor, ...options }: OrphanOptions): Promise<OrphanPage> {
    const answer = await this.#ask('/orphans', queryOf({ member, state, limit, cursor }), options);
    const { orphans, next, member: holder } = bodyOf<OrphanPage<Item>>(answer);
    return { member: holder, orphans: orphans.map(orphanOf), ...(next !== undefined && { next }) };
  }

  /** All of a member's orphans, page by page as they are asked for. @throws SynclineError */
  async *orphansAll({ cursor, ...options }: OrphanOptions): AsyncGenerator<Orphan, void, undefined> {
    for await (const { orphans } of pagesOf(cursor, ({ after }) => this.orphans({ ...options, ...(after !== undefined && { cursor: after }) }))) yield* orphans;
  }

  /** An orphan, with what was written as long as the log of its member has it. @throws SynclineError "unknown-orphan", … */
  async orphan(id: string, { member, ...options }: CallOptions & { readonly member: string }): Promise<Orphan> {
    return orphanOf(bodyOf<Orphan<Item>>(await this.#ask(`/orphans/${encoded(id.replace('#', '-'))}`, queryOf({ member }), options)));
  }
}

const queryOf = (values: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encoded(String(value))}`]))
    .join('&');

const findingOf = ({ key, ...finding }: Finding<Item>): Finding => ({ ...finding, key: unmarshalItem(key) });

const orphanOf = ({ key, written, replaced, ...orphan }: Orphan<Item>): Orphan => ({
  ...orphan,
  key: unmarshalItem(key),
  ...(written !== undefined && { written: unmarshalItem(written) }),
  ...(replaced !== undefined && { replaced: unmarshalItem(replaced) }),
});

/** An item at every member, as callers get it. */
export const diffOf = ({ key, item, members, ...diff }: DiffPage): ItemDiff => ({
  ...diff,
  key: unmarshalItem(key),
  ...(item !== undefined && { item: unmarshalItem(item) }),
  members: members.map(({ differences, ...member }) => ({
    ...member,
    ...(differences !== undefined && {
      differences: differences.map(
        ({ path, before, after }): AttributeChange => ({
          path,
          ...(before !== undefined && { before: unmarshal(before) }),
          ...(after !== undefined && { after: unmarshal(after) }),
        }),
      ),
    }),
  })),
});
