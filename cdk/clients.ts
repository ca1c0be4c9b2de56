import type { Stage } from 'aws-cdk-lib/aws-apigateway';
import { ApiKey, Period, UsagePlan } from 'aws-cdk-lib/aws-apigateway';
import type { Construct } from 'constructs';
import { SetPropsError } from './set.ts';

/** A client of the API with limits of its own. */
export interface ApiClient {
  /** 1 to 32 characters: letters, digits and "-", beginning with a letter. */
  readonly name: string;
  /** Requests a second. */
  readonly ratePerSecond: number;
  /** Requests at once. */
  readonly burst: number;
  /** Requests a day. Default: no limit. */
  readonly quotaPerDay?: number;
}

/** AWS's limit of API keys is an account's, 10,000 in a region; this keeps a template small (each makes three resources). */
const CLIENTS_MAX = 50;
const NAME = /^[A-Za-z][A-Za-z0-9-]{0,31}$/;

/** @throws SetPropsError */
export function checkClients(clients: readonly ApiClient[]): readonly ApiClient[] {
  if (clients.length > CLIENTS_MAX) throw new SetPropsError(`An API takes at most ${CLIENTS_MAX} clients; got ${clients.length}.`);
  for (const [i, client] of clients.entries()) {
    const { name, ratePerSecond, burst, quotaPerDay } = client;
    const seen = `the client ${JSON.stringify(name)}`;
    if (!NAME.test(name)) throw new SetPropsError(`A client's name is 1 to 32 letters, digits and "-", beginning with a letter; got ${JSON.stringify(name)}.`);
    if (clients.findIndex((c) => c.name.toLowerCase() === name.toLowerCase()) !== i) throw new SetPropsError(`Two clients are named ${JSON.stringify(name)}.`);
    if (!(ratePerSecond > 0) || !Number.isFinite(ratePerSecond)) throw new SetPropsError(`ratePerSecond of ${seen} must be above 0; got ${ratePerSecond}.`);
    if (!Number.isInteger(burst) || burst < 1) throw new SetPropsError(`burst of ${seen} must be a whole number from 1; got ${burst}.`);
    if (quotaPerDay !== undefined && (!Number.isInteger(quotaPerDay) || quotaPerDay < 1)) {
      throw new SetPropsError(`quotaPerDay of ${seen} must be a whole number from 1; got ${quotaPerDay}.`);
    }
  }
  return clients;
}

/** Makes each client's key and usage plan. Gives the keys' ids, by client; AWS makes the keys themselves. */
export function apiKeys(scope: Construct, apiName: string, stage: Stage, clients: readonly ApiClient[]): ReadonlyMap<string, string> {
  return new Map(
    clients.map(({ name, ratePerSecond, burst, quotaPerDay }) => {
      const key = new ApiKey(scope, `Key-${name}`, { apiKeyName: `${apiName}-${name}`, description: `Syncline: requests of ${name}` });
      const plan = new UsagePlan(scope, `Plan-${name}`, {
        name: `${apiName}-${name}`,
        apiStages: [{ api: stage.restApi, stage }],
        throttle: { rateLimit: ratePerSecond, burstLimit: burst },
        ...(quotaPerDay !== undefined && { quota: { limit: quotaPerDay, period: Period.DAY } }),
      });
      plan.addApiKey(key);
      return [name, key.keyId];
    }),
  );
}
