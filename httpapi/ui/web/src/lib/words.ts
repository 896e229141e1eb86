// Names of the API in the words of people.

export const aggregationWords: Record<string, string> = {
  sum: "sum of quantities",
  count: "number of events",
  min: "least value",
  max: "greatest value",
  avg: "average",
  latest: "latest value",
  unique_count: "distinct values, exactly",
  weighted_sum: "value over time",
  p50: "median",
  p90: "90th percentile",
  p99: "99th percentile",
};
