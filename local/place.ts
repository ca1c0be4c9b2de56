import { environmentOf, regionsProblem } from './cloud.ts';
import { temporaryRoot } from './paths.ts';

/** Where stacks are deployed to: regions that answer at endpoints, whoever runs them. The local cloud (cloud.ts) is one. */
export interface Place {
  readonly regions: readonly string[];
  /** Each region's URL; several regions may have the same. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Where commands are run: a folder outside the project, so that they see no cdk.json. */
  readonly directory: string;
  /** The environment for commands and SDK clients that shall use this place, seen from one region. */
  environment(region: string): Record<string, string>;
}

/** One question whether somebody answers (ms): LocalStack loads a service at its first request. */
const PROBE_MS = 30_000;

/**
 * The URL of a cloud that somebody else runs, as it is used: without a path or a slash at its end.
 *
 * @throws Error for what is no such URL.
 */
export function endpointUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new Error(`An endpoint is an http or https URL without a path, such as http://127.0.0.1:4566; got ${JSON.stringify(text)}.`);
  if (url.username !== '' || url.password !== '') throw new Error('An endpoint has no user or password in it: every local cloud takes the same made-up key.');
  return url.origin;
}

/** All regions behind one URL: LocalStack, or one MiniStack process for all. Pure. @throws Error for regions that cannot be. */
export function sharedPlace(endpoint: string, regions: readonly string[]): Place {
  const problem = regionsProblem(regions);
  if (problem !== undefined) throw new Error(problem);
  const endpoints = Object.fromEntries(regions.map((region) => [region, endpoint]));
  return { regions, endpoints, directory: temporaryRoot(), environment: (region) => environmentOf(endpoints, region) };
}

/** @throws Error when nobody answers at the URL; any answer will do. */
export async function mustAnswer(endpoint: string): Promise<void> {
  try {
    const answer = await fetch(endpoint, { signal: AbortSignal.timeout(PROBE_MS), redirect: 'manual' });
    await answer.body?.cancel();
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`Nobody answers at ${endpoint} (${cause instanceof Error ? cause.message : message}). Start that cloud, or correct --endpoint.`);
  }
}
