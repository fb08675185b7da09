import { hostname } from 'node:os';
import type { Executor } from '@swarmkit/sdk/contracts/executor';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** What this node says of itself: the machine as its executors see it, its name, its certificate's issuer. */
export async function describeNode(
  executors: readonly Executor[],
  identity: Identity,
  configuredHostname: string | undefined,
): Promise<NodeDescription> {
  const described = await Promise.all(executors.map((executor) => executor.describe()));
  const [first = NodeDescription.create()] = described;
  const plugins = described.flatMap((one) => one.engine?.plugins ?? []);
  return {
    ...first,
    hostname: configuredHostname ?? hostname(),
    engine: {
      engineVersion: first.engine?.engineVersion ?? '',
      labels: Object.assign({}, ...described.map((one) => one.engine?.labels ?? {}).reverse()),
      plugins: plugins.sort((a, b) => compare(a.type, b.type) || compare(a.name, b.name)),
    },
    tlsInfo: {
      trustRoot: Buffer.from(identity.rootsPem),
      certIssuerSubject: Buffer.from(identity.issuerSubject),
      certIssuerPublicKey: Buffer.from(identity.issuerPublicKey),
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
