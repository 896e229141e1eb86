// A line without axes: the shape of the last hours beside a figure. The figure carries the meaning, so it is hidden from readers.

export function Spark({ values }: { values: number[] }) {
  if (values.length < 2) return <div className="spark" />;
  const max = Math.max(...values, 0);
  const min = Math.min(...values, max);
  const points = values.map((v, i) => ((i / (values.length - 1)) * 100).toFixed(1) + "," + (26 - ((v - min) / (max - min || 1)) * 22).toFixed(1));
  return (
    <svg className="spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">
      <polygon points={"0,28 " + points.join(" ") + " 100,28"} />
      <polyline points={points.join(" ")} />
    </svg>
  );
}
