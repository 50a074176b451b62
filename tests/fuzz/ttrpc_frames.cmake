ctr_fuzz(ttrpc_frames LIBS ctr_ttrpc)
