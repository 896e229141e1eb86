import "../styles/index.css";
import { createRoot } from "react-dom/client";

createRoot(document.getElementById("root")!).render(<main className="center">The portal is not built yet.</main>);
