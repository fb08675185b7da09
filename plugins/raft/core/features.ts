/**
 * What members can do beyond SwarmKit's managers. Each of these is used only while every member, also
 * the learners, is known to have it; a group with one member that is not behaves as SwarmKit does.
 * A member's features are a set of bits in its `RaftMember`, which every change that adds or updates
 * it carries. Bits that a later version adds are carried along and mean nothing here.
 */
export const Feature = {
  preVote: 1,
  learners: 2,
  joint: 4,
  readIndex: 8,
  /** Ticks of a fraction of SwarmKit's second. */
  fastTicks: 16,
} as const;

/** What this version puts into its own `RaftMember`. */
export const OUR_FEATURES =
  Feature.preVote | Feature.learners | Feature.joint | Feature.readIndex | Feature.fastTicks;
