/** The log of a node that does not run, for the tools of operators. The plugin itself is `plugin.ts`. */
export {
  describeMembershipChange,
  OfflineLog,
  type OfflineFacts,
  type OfflineMember,
  restoreLog,
} from './shell/offline-log.js';
