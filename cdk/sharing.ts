import { AccountPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import type { FunctionName } from '../lib/core/names.ts';
import { FUNCTIONS, memberNames } from '../lib/core/names.ts';
import type { Grant } from './grants.ts';
import { grants } from './grants.ts';

/**
 * What a member in one account must allow the members in others. Across accounts a role's own policy is not enough: the
 * resource must let it in, too. These policies are the roles' own statements seen from the resource, so neither side can
 * allow more than the other.
 *
 * ⚠ They name the account and, in a condition, the role, in place of the role as principal: a principal must exist when a
 * policy is stored, and members are deployed in any order.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
 */

/**
 * The name of a function's role: the function's own. Both are at most 64 characters, which the longest names just fit.
 * Fixed, because other accounts' policies name it.
 */
export const roleName = (config: SetConfig, member: MemberConfig, fn: FunctionName): string => memberNames(config.set, member).fn(fn);

/** ARN of a function's role. */
export const roleArn = (config: SetConfig, member: MemberConfig, fn: FunctionName): string =>
  `arn:aws:iam::${member.account}:role/${roleName(config, member, fn)}`;

/** The members of a set that are in other accounts than this one. */
export const foreigners = (config: SetConfig, member: MemberConfig): readonly MemberConfig[] => config.members.filter((m) => m.account !== member.account);

/**
 * What the functions of members in other accounts may do with resources of this one. Pure.
 *
 * @param mine whether an ARN is of the resource whose policy this becomes.
 */
export function sharedWith(config: SetConfig, member: MemberConfig, mine: (arn: string) => boolean): readonly PolicyStatement[] {
  const shared = new Map<string, { readonly grant: Grant; readonly resources: readonly string[]; readonly accounts: Set<string>; readonly roles: string[] }>();
  for (const other of foreigners(config, member)) {
    for (const fn of FUNCTIONS) {
      for (const grant of grants(fn, config, other)) {
        const resources = grant.resources.filter(mine);
        if (grant.effect === 'Deny' || resources.length === 0) continue;
        // The members' rules are the same, so one statement serves all of them.
        const sid = `${fn}${grant.sid}`;
        const found = shared.get(sid) ?? { grant, resources, accounts: new Set(), roles: [] };
        shared.set(sid, found);
        found.accounts.add(other.account);
        found.roles.push(roleArn(config, other, fn));
      }
    }
  }
  return [...shared].map(
    ([sid, { grant, resources, accounts, roles }]) =>
      new PolicyStatement({
        sid,
        effect: Effect.ALLOW,
        principals: [...accounts].sort().map((account) => new AccountPrincipal(account)),
        actions: [...grant.actions],
        resources: [...resources],
        conditions: { ...grant.conditions, ArnEquals: { 'aws:PrincipalArn': roles } },
      }),
  );
}

/**
 * The resource policy of a table; undefined when no member in another account needs it. With the most members and the
 * longest names it stays below the 20 KB that DynamoDB takes (a test says so).
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html
 */
export function tablePolicy(config: SetConfig, member: MemberConfig, arn: string): PolicyDocument | undefined {
  const statements = sharedWith(config, member, (resource) => resource === arn);
  return statements.length === 0 ? undefined : new PolicyDocument({ statements: [...statements] });
}
