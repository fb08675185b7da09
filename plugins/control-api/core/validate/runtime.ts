import type { GenericRuntimeSpec, TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { invalid, unsupported } from '../refusals.js';
import { validateContainer } from './container.js';

export function validateRuntime({ runtime }: TaskSpec): void {
  switch (runtime?.$case) {
    case 'container':
      validateContainer(runtime.value);
      break;
    case 'generic':
      validateGeneric(runtime.value);
      break;
    case 'attachment':
      // Made by nodes for containers of their own, never by users.
      throw unsupported('RuntimeSpec: unimplemented runtime in service spec');
    case undefined:
      throw invalid('TaskSpec: missing runtime');
  }
}

function validateGeneric({ kind, payload }: GenericRuntimeSpec): void {
  const quoted = JSON.stringify(kind);
  if (kind.length < 3) throw invalid(`Generic runtime: Invalid name ${quoted}`);
  if (['container', 'attachment'].includes(kind.toLowerCase()))
    throw invalid(`Generic runtime: ${quoted} is a reserved name`);
  if (payload === undefined) throw invalid('Generic runtime is missing payload');
  if (payload.typeUrl === '') throw invalid('Generic runtime is missing payload type');
  if (payload.value.length === 0) throw invalid('Generic runtime has an empty payload');
}
