import type { ScopeGate } from '../plugin/plugin.js';
import { extensionPoint } from '../plugin/token.js';

/**
 * Extension point: who opens and closes a scope. One gate a scope; `node` has none (it is the process).
 * In the standard daemon `ca` gates `manager` and `agent` by the certificate's role, and `raft` gates
 * `leader` by leadership. A scope without a gate never opens.
 */
export const ScopeGates = extensionPoint<ScopeGate>('swarmkit.scope-gate.v1');
export type { ScopeGate };
