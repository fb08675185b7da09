import { type Kind, SwarmError } from '@swarmkit/sdk/plugin/errors';

export const refusal = (
  code: `KERNEL_${string}`,
  message: string,
  cause?: unknown,
  kind: Kind = 'failed-precondition',
): SwarmError => new SwarmError(kind, code, message, { cause });
