import "../styles/index.css";
import "./portal.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "../api/hooks";
import { Portal } from "./portal";
import { begin, dress } from "./session";

const { tenant, look } = begin();
dress(look);

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Portal tenant={tenant} />
    </QueryClientProvider>
  </StrictMode>,
);
