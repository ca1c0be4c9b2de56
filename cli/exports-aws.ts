import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { AwsExportsPort } from '../lib/adapters/aws/exports-port.ts';
import type { ExportsPort } from '../lib/ports/exports.ts';
import { controlPlane } from './control-plane.ts';

/** Gives the port of a region. @param endpoint of a local cloud, or undefined for AWS. */
export type ExportsConnect = (region: string, endpoint: string | undefined) => ExportsPort;

/** The real one. Credentials were chosen when the session was opened. */
export const exportsPort: ExportsConnect = (region, endpoint) => new AwsExportsPort(new DynamoDBClient(controlPlane(region, endpoint)));
